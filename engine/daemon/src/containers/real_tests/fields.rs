//! Fields of a create request, as seen from inside the container.

use super::*;
use hull_api::{BindOptions, Mount, TmpfsOptions, VolumeOptions};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn an_init_is_pid_1_and_hands_signals_on() {
    on_host(|host| async move {
        let init = |request: &mut CreateRequest| request.host_config.init = Some(true);
        let (code, output) = host.finish(&["sh", "-c", "cat /proc/1/comm; echo $$; exit 6"], init).await;
        assert_eq!((code, output.as_str()), (6, "hull-init\n2\n"));
        let id = host.create(&["sleep", "1000"], init).await;
        host.service.start(&id).await.unwrap();
        host.service.stop(&id, StopOptions { timeout: Some(-1), ..StopOptions::default() }).await.unwrap();
        assert_eq!(host.ended(&id).await, 143, "ended by the signal, not killed after it");
        let id = host.create(&["nosuch"], init).await;
        let error = host.service.start(&id).await.unwrap_err().to_string();
        assert!(error.contains("exec: \"nosuch\": executable file not found in $PATH"), "{error}");
    });
}

#[test]
fn groups_come_by_name_and_number() {
    on_host(|host| async move {
        let (code, output) = host
            .finish(&["id", "-G"], |request| {
                request.config.user = "1000:1000".to_owned();
                request.host_config.group_add = words(&["4242", "root"]);
            })
            .await;
        assert_eq!((code, output.trim()), (0, "1000 0 4242"), "the kernel sorts them");
        let id = host.create(&["true"], |r| r.host_config.group_add = words(&["ghosts"])).await;
        let error = host.service.start(&id).await.unwrap_err().to_string();
        assert!(error.contains("unable to find group ghosts: no matching entries in group file"), "{error}");
    });
}

#[test]
fn names_servers_and_sysctls_are_the_containers_own() {
    on_host(|host| async move {
        let script = "cat /etc/hosts /etc/resolv.conf; hostname; cat /proc/sys/kernel/domainname; \
                      cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/kernel/msgmax";
        let (code, output) = host
            .finish(&["sh", "-c", script], |request| {
                request.config.hostname = "web".to_owned();
                request.config.domainname = "example.org".to_owned();
                let own = &mut request.host_config;
                own.extra_hosts = words(&["db:10.9.8.7", "out:host-gateway"]);
                own.dns = words(&["10.0.0.53"]);
                own.dns_search = words(&["example.net"]);
                own.dns_options = words(&["ndots:3"]);
                own.sysctls = [("net.ipv4.ip_local_port_range", "20000 30000"), ("kernel.msgmax", "4096")]
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into();
            })
            .await;
        assert_eq!(code, 0, "{output}");
        let gateway = host.networks.gateway();
        for line in [
            "10.9.8.7\tdb\n",
            &format!("{gateway}\tout\n"),
            "nameserver 10.0.0.53\nsearch example.net\noptions ndots:3\n",
            "web\nexample.org\n20000\t30000\n4096\n",
        ] {
            assert!(output.contains(line), "{line} in\n{output}");
        }
    });
}

#[test]
fn a_hardware_address_is_the_users() {
    on_host(|host| async move {
        let mac = "02:42:ac:11:00:7b";
        let id = host
            .create(&["cat", "/sys/class/net/eth0/address"], |request| {
                request.host_config.network_mode = "bridge".to_owned();
                request.config.mac_address = mac.to_owned();
            })
            .await;
        host.service.start(&id).await.unwrap();
        assert_eq!(host.service.inspect(&id, false).await.unwrap().network_settings.mac_address, mac);
        assert_eq!((host.ended(&id).await, host.log(&id).await.trim()), (0, mac));
        host.remove(&id).await;
        host.settled().await;
    });
}

#[test]
fn what_is_not_built_yet_is_said_at_start_and_stored_before() {
    on_host(|host| async move {
        let publish = |request: &mut CreateRequest| {
            request.host_config.network_mode = "bridge".to_owned();
            request.host_config.port_bindings = [("80/tcp".to_owned(), None)].into();
        };
        let named = |request: &mut CreateRequest| request.host_config.network_mode = "mine".to_owned();
        let confined = |request: &mut CreateRequest| request.host_config.security_opt = words(&["apparmor=strict"]);
        for (id, message) in [
            (host.create(&["true"], publish).await, "this engine does not publish ports yet (80/tcp)"),
            (
                host.create(&["true"], named).await,
                "network mine not found: this engine has no user-defined networks yet",
            ),
            (host.create(&["true"], confined).await, "AppArmor profile \"strict\" cannot be applied"),
        ] {
            let before = host.service.inspect(&id, false).await.unwrap();
            let error = host.service.start(&id).await.unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            assert_eq!(error.kind(), Kind::NotImplemented);
            let after = host.service.inspect(&id, false).await.unwrap();
            assert_eq!((after.state.status.as_str(), after.state.exit_code, after.state.pid), ("created", 128, 0));
            assert!(after.state.error.contains(message), "{}", after.state.error);
            assert_eq!(after.host_config, before.host_config);
        }
        host.settled().await;
    });
}

#[test]
fn shared_memory_is_shared_with_whom_it_is_lent_to() {
    on_host(|host| async move {
        let lend = |request: &mut CreateRequest| {
            request.host_config.ipc_mode = "shareable".to_owned();
            request.host_config.shm_size = 1 << 20;
        };
        let donor = host.create(&["sh", "-c", "echo hello > /dev/shm/word; sleep 1000"], lend).await;
        host.service.start(&donor).await.unwrap();
        let join = |request: &mut CreateRequest, id: &str| request.host_config.ipc_mode = format!("container:{id}");
        let script = "until cat /dev/shm/word 2> /dev/null; do :; done; df -k /dev/shm | tail -n 1 | awk '{print $2}'";
        let (code, output) = host.finish(&["sh", "-c", script], |r| join(r, &donor)).await;
        assert_eq!((code, output.as_str()), (0, "hello\n1024\n"));
        let none = ["grep", "/dev/shm", "/proc/self/mountinfo"];
        let (code, output) = host.finish(&none, |r| r.host_config.ipc_mode = "none".to_owned()).await;
        assert_eq!((code, output.as_str()), (1, ""));
        let shy = host.run(&["sleep", "1000"]).await;
        let id = host.create(&["true"], |r| join(r, &shy)).await;
        let error = host.service.start(&id).await.unwrap_err().to_string();
        assert!(error.ends_with("non-shareable IPC (hint: use IpcMode:shareable for the donor container)"), "{error}");
    });
}

#[test]
fn mounts_of_every_kind() {
    on_host(|host| async move {
        let mount = |kind: &str, source: &str, target: &str| {
            let [kind, source, target] = [kind, source, target].map(str::to_owned);
            Mount { kind, source, target, ..Mount::default() }
        };
        let (code, _) = host
            .finish(&["sh", "-c", "mkdir -p /v/part; echo part > /v/part/file"], |request| {
                let options =
                    VolumeOptions { labels: [("a".to_owned(), "b".to_owned())].into(), ..VolumeOptions::default() };
                let volume = Mount { volume_options: Some(options), ..mount("volume", "data", "/v") };
                request.host_config.mounts = vec![volume];
            })
            .await;
        assert_eq!(code, 0);
        let script = "cat /part/file; touch /part/x 2>&1; stat -c %a /tmpfs; df -k /tmpfs | tail -n 1 | awk '{print $2}'; \
                      grep -o ' /plain .*noexec' /proc/self/mountinfo | wc -l; echo '#!/bin/sh' > /tmpfs/run; chmod +x /tmpfs/run; /tmpfs/run";
        let (code, output) = host
            .finish(&["sh", "-c", script], |request| {
                let part = VolumeOptions { subpath: "part".to_owned(), ..VolumeOptions::default() };
                let part = Mount { volume_options: Some(part), read_only: true, ..mount("volume", "data", "/part") };
                let options = TmpfsOptions { size_bytes: 1 << 20, mode: 0o1770, options: vec![words(&["exec"])] };
                let tmpfs = Mount { tmpfs_options: Some(options), ..mount("tmpfs", "", "/tmpfs") };
                request.host_config.mounts = vec![part, tmpfs];
                request.host_config.tmpfs = [("/plain".to_owned(), "size=64k".to_owned())].into();
            })
            .await;
        assert_eq!(code, 0, "{output}");
        assert_eq!(output, "part\ntouch: /part/x: Read-only file system\n1770\n1024\n1\n");
    });
}

/// Unmounts when the test is over, however it is.
struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(&self.0, nix::mount::MntFlags::MNT_DETACH);
    }
}

#[test]
fn read_only_reaches_as_far_as_was_asked() {
    on_host(|host| async move {
        let source = host.root.path().join("source");
        let below = Mounted(source.join("below"));
        std::fs::create_dir_all(&below.0).unwrap();
        let none = nix::mount::MsFlags::empty();
        nix::mount::mount(Some("tmpfs"), &below.0, Some("tmpfs"), none, None::<&str>).unwrap();
        std::fs::write(below.0.join("mark"), "").unwrap();
        let script = "ls /m/below; touch /m/x 2> /dev/null && echo top; touch /m/below/x 2> /dev/null && echo below; \
                      rm -f /m/x /m/below/x 2> /dev/null";
        for (options, read_only, seen) in [
            (BindOptions::default(), false, "mark\ntop\nbelow\n"),
            (BindOptions::default(), true, "mark\n"),
            (BindOptions { read_only_non_recursive: true, ..BindOptions::default() }, true, "mark\nbelow\n"),
            (BindOptions { read_only_force_recursive: true, ..BindOptions::default() }, true, "mark\n"),
            (BindOptions { non_recursive: true, ..BindOptions::default() }, true, ""),
            (BindOptions { non_recursive: true, ..BindOptions::default() }, false, "top\nbelow\n"),
        ] {
            let asked = format!("{options:?} {read_only}");
            let mount = Mount {
                kind: "bind".to_owned(),
                source: source.display().to_string(),
                target: "/m".to_owned(),
                read_only,
                bind_options: Some(options),
                ..Mount::default()
            };
            let (_, output) = host.finish(&["sh", "-c", script], |r| r.host_config.mounts = vec![mount]).await;
            assert_eq!(output, seen, "{asked}");
        }
        host.settled().await;
    });
}

#[test]
fn an_image_is_mounted_with_a_layer_of_the_containers_own() {
    on_host(|host| async move {
        let image = |read_only| Mount {
            kind: "image".to_owned(),
            source: "busybox".to_owned(),
            target: "/tools".to_owned(),
            read_only,
            ..Mount::default()
        };
        let script = "/tools/bin/busybox echo mounted; cat /tools/own 2> /dev/null; echo mine > /tools/own; \
                      cat /tools/own; [ -e /own ] || echo apart";
        let id = host.create(&["sh", "-c", script], |r| r.host_config.mounts = vec![image(false)]).await;
        for seen in ["mounted\nmine\napart\n", "mounted\nmine\nmine\napart\n"] {
            let before = host.log(&id).await.len();
            host.service.start(&id).await.unwrap();
            assert_eq!(host.ended(&id).await, 0);
            assert_eq!(&host.log(&id).await[before..], seen, "what was written stays with the container");
        }
        let mounts = host.service.inspect(&id, false).await.unwrap().mounts;
        assert_eq!((mounts[0].kind.as_str(), mounts[0].source.as_str(), mounts[0].rw), ("image", "busybox", true));
        let changes = host.service.changes(&id).await.unwrap();
        assert!(changes.iter().flatten().all(|change| !change.path.contains("own")));
        let script = "touch /tools/x 2> /dev/null || echo read-only; ls /tools/own 2> /dev/null || echo apart";
        let (_, output) = host.finish(&["sh", "-c", script], |r| r.host_config.mounts = vec![image(true)]).await;
        assert_eq!(output, "read-only\napart\n");
        host.remove(&id).await;
        host.settled().await;
    });
}

#[test]
fn volumes_from_other_containers() {
    on_host(|host| async move {
        let first = host.create(&["true"], |r| r.host_config.binds = words(&["one:/one"])).await;
        let second = host.create(&["true"], |r| r.host_config.binds = words(&["two:/two:ro"])).await;
        let script = "touch /one/x && ! touch /two/x 2> /dev/null";
        let (code, output) = host
            .finish(&["sh", "-c", script], |request| {
                request.host_config.volumes_from = vec![first.clone(), second[..12].to_owned()];
            })
            .await;
        assert_eq!((code, output.as_str()), (0, ""));
    });
}
