//! The command line, as typed: an absent flag is `None`, so that a conflict with daemon.json can be seen.

use clap::Parser;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  hulld                                        listen on unix:///run/hull/hull.sock
  hulld -H unix:///tmp/h/hull.sock --data-root /tmp/h/data --exec-root /tmp/h/run
                                               a second engine beside the first
  hulld -H fd://                               use the sockets that systemd opened
  hulld -H tcp://127.0.0.1:2375                also for local programs that speak TCP only
  hulld -H tcp://0.0.0.0:2376 --tlsverify --tlscacert ca.pem --tlscert cert.pem --tlskey key.pem
                                               for other machines: both sides show a certificate

Signals:
  SIGTERM, SIGINT   stop the daemon; containers keep running and are found again at the next start
  SIGHUP            read daemon.json again: debug, log-level, labels, registry-mirrors, insecure-registries

Every flag but --config-file and --validate may be written into daemon.json under its own name (in the plural:
hosts, labels, exec-opts, registry-mirrors, insecure-registries; log-opts is an object). A key that Hull doesn't
know, or one that is also given as a flag, is an error. Whoever can use the API is root on this machine: guard the
socket as you guard root's password.";

const LONG_ABOUT: &str = "\
hulld runs containers and serves the Docker Engine API, so that docker, Compose and every other Docker client work \
with it unchanged. It watches the containers with eBPF and tells what it sees on /metrics.

It needs root. It never needs to run for containers to live: stop, upgrade or kill it at any time.";

/// What was typed.
#[derive(Debug, Default, Clone, Parser)]
#[command(name = "hulld", version, about = "Hull's container engine daemon", long_about = LONG_ABOUT, after_help = AFTER_HELP)]
pub struct Flags {
    /// Where to serve the API: unix://PATH, tcp://ADDRESS:PORT or fd:// (may be repeated)
    ///
    /// Default: unix:///run/hull/hull.sock. A unix socket belongs to root and to the group `hull`, or `docker` where
    /// that exists. TCP without TLS is served on loopback addresses only (see --insecure-tcp).
    #[arg(short = 'H', long = "host", value_name = "URL")]
    pub hosts: Vec<String>,

    /// Directory of everything that must survive a reboot: images, containers, volumes [default: /var/lib/hull]
    ///
    /// One daemon owns it at a time; a second one on the same directory is refused.
    #[arg(long, value_name = "DIR")]
    pub data_root: Option<PathBuf>,

    /// Directory of everything that lives as long as a container runs: sockets, namespaces [default: /run/hull]
    #[arg(long, value_name = "DIR")]
    pub exec_root: Option<PathBuf>,

    /// File that holds the daemon's process id [default: hulld.pid in --exec-root]
    #[arg(long, value_name = "FILE")]
    pub pidfile: Option<PathBuf>,

    /// daemon.json to read [default: /etc/hull/daemon.json, if it exists]
    #[arg(long, value_name = "FILE")]
    pub config_file: Option<PathBuf>,

    /// Check flags and daemon.json, say what is wrong, and exit
    #[arg(long)]
    pub validate: bool,

    /// How much to log to stderr: debug, info, warn, error or fatal [default: info]
    #[arg(short = 'l', long, value_name = "LEVEL")]
    pub log_level: Option<String>,

    /// Log at level debug
    #[arg(short = 'D', long)]
    pub debug: bool,

    /// Default driver of containers' logs: json-file, local, journald or none [default: json-file]
    #[arg(long, value_name = "DRIVER")]
    pub log_driver: Option<String>,

    /// Default option of that driver, such as max-size=10m (may be repeated)
    ///
    /// Logs of json-file are rotated at 20 MB and 3 files are kept, unless max-size (-1: unlimited) and max-file say
    /// otherwise. A container's own options come first.
    #[arg(long = "log-opt", value_name = "NAME=VALUE")]
    pub log_opts: Vec<String>,

    /// Option of the runtime (may be repeated): native.cgroupdriver=cgroupfs or =systemd
    ///
    /// With cgroupfs, the default, Hull makes its cgroups itself, which is quickest. With systemd, on hosts of cgroup v2
    /// that it runs on, each container is a scope of its own that `systemctl` and `systemd-cgls` show.
    #[arg(long = "exec-opt", value_name = "NAME=VALUE")]
    pub exec_opts: Vec<String>,

    /// Serve /metrics for Prometheus on this ADDRESS:PORT too, without the rest of the API
    ///
    /// The API's own sockets always serve it as well.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics_addr: Option<String>,

    /// Address and size of the default bridge, such as 172.30.0.1/24
    ///
    /// Default: the first of 172.17.0.0/16 to 172.31.0.0/16 that this host doesn't use yet.
    #[arg(long, value_name = "CIDR")]
    pub bip: Option<String>,

    /// Make containers' cgroups below this one, unless they have a --cgroup-parent of their own
    ///
    /// /PATH begins at the root of each hierarchy, PATH at the daemon's own cgroup. Default: a cgroup of the engine's.
    #[arg(long, value_name = "CGROUP")]
    pub cgroup_parent: Option<String>,

    /// Ask this registry before Docker Hub (may be repeated)
    #[arg(long = "registry-mirror", value_name = "URL")]
    pub registry_mirrors: Vec<String>,

    /// Talk to this registry over plain HTTP, or without checking its certificate (may be repeated)
    ///
    /// A host, host:port, or a network such as 10.0.0.0/8. Registries on loopback always are.
    #[arg(long = "insecure-registry", value_name = "REGISTRY")]
    pub insecure_registries: Vec<String>,

    /// A label of the engine, shown by `info` (may be repeated)
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<String>,

    /// Serve TCP with TLS, without asking clients for a certificate
    ///
    /// This hides the traffic but lets everybody in who can connect; --tlsverify is almost always what is wanted.
    #[arg(long)]
    pub tls: bool,

    /// Serve TCP with TLS, and only to clients whose certificate --tlscacert has signed
    #[arg(long)]
    pub tlsverify: bool,

    /// Certificate authority that clients' certificates must come from [default: /etc/hull/ca.pem]
    #[arg(long, value_name = "FILE")]
    pub tlscacert: Option<PathBuf>,

    /// The daemon's certificate, with its chain [default: /etc/hull/cert.pem]
    #[arg(long, value_name = "FILE")]
    pub tlscert: Option<PathBuf>,

    /// The key of --tlscert [default: /etc/hull/key.pem]
    #[arg(long, value_name = "FILE")]
    pub tlskey: Option<PathBuf>,

    /// Allow TCP without TLS on addresses that other machines can reach
    ///
    /// Whoever connects is root here, without any question. For networks that are closed in themselves, such as a
    /// network namespace in a test.
    #[arg(long)]
    pub insecure_tcp: bool,

    /// Run without the eBPF programs
    ///
    /// Containers run as before; process lists then come from /proc, and metrics that only eBPF can give are absent.
    #[arg(long)]
    pub no_ebpf: bool,
}
