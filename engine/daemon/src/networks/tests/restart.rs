//! The pool, what is left behind, and what a restart keeps.

use super::*;
use std::collections::HashSet;

#[test]
fn attach_before_restore_is_refused() {
    in_a_host(|| async {
        let engine = Engine::new();
        let service = NetworkService::open(Arc::clone(&engine.paths), NetworkConfig::default()).await.unwrap();
        assert!(matches!(service.attach(&container()).await, Err(NetworkError::NotRestored)));
    });
}

#[test]
fn the_pool_is_refilled_and_serves_more_than_it_holds_at_once() {
    in_a_host(|| async {
        let engine = Engine::new();
        let service = engine.start(&[]).await;
        settled(&service).await;
        assert_eq!(ports().len(), pool::SHELF);

        let ids: Vec<_> = (0..20).map(|_| container()).collect();
        let all = futures_util::future::join_all(ids.iter().map(|id| service.attach(id))).await;
        let all: Vec<_> = all.into_iter().map(Result::unwrap).collect();
        assert_eq!(all.iter().map(|e| e.ip).collect::<HashSet<_>>().len(), 20);
        settled(&service).await;
        assert_eq!(ports().len(), pool::SHELF + 20);
        assert_eq!(service.inspect("bridge").unwrap().containers.len(), 20);
    });
}

#[test]
fn a_hundred_containers_leave_nothing() {
    in_a_host(|| async {
        let engine = Engine::new();
        let service = engine.start(&[]).await;
        settled(&service).await;
        let before = links().len();
        for _ in 0..10 {
            let ids: Vec<_> = (0..10).map(|_| container()).collect();
            for endpoint in futures_util::future::join_all(ids.iter().map(|id| service.attach(id))).await {
                service.detach(endpoint.unwrap());
            }
        }
        settled(&service).await;
        assert_eq!(links().len(), before);
        assert!(service.endpoints().is_empty());
        drop(service);
        eventually("the pool goes with the service", || ports().is_empty()).await;
    });
}

#[test]
fn a_namespace_that_somebody_else_still_holds_loses_its_link_all_the_same() {
    in_a_host(|| async {
        let engine = Engine::new();
        let service = engine.start(&[]).await;
        let endpoint = service.attach(&container()).await.unwrap();
        let _held = File::open(&endpoint.netns).unwrap();
        let link = endpoint.host_link.clone();
        service.detach(endpoint);
        settled(&service).await;
        assert!(!ports().contains(&link));
    });
}

#[test]
fn a_restart_keeps_live_leases_and_removes_orphans_of_this_engine_only() {
    in_a_host(|| async {
        let engine = Engine::new();
        let other = Engine::new();
        let neighbour = other.start(&[]).await;
        let theirs = neighbour.attach(&container()).await.unwrap();
        settled(&neighbour).await;

        let first = engine.start(&[]).await;
        let live = first.attach(&container()).await.unwrap();
        let dead = first.attach(&container()).await.unwrap();
        let [_live_processes, _other_holder] = [&live, &dead].map(|e| File::open(&e.netns).unwrap());
        let at = SocketAddr::from((live.ip, 80));
        let listener = inside(&live.netns, move || TcpListener::bind(at).unwrap()).join().unwrap();
        let network = first.inspect("bridge").unwrap();
        drop(first);

        let second = engine.start(std::slice::from_ref(&live)).await;
        settled(&second).await;
        let now = second.inspect("bridge").unwrap();
        assert_eq!((&now.id, &now.created, &now.ipam), (&network.id, &network.created, &network.ipam));
        assert_eq!(now.containers.keys().collect::<Vec<_>>(), [live.container.as_str()]);
        assert!(ports().contains(&live.host_link));
        assert!(!ports().contains(&dead.host_link), "an orphan goes, though its namespace is held");
        assert!(ports().contains(&theirs.host_link), "another engine's link stays");
        say(at, "still there").unwrap();
        assert_eq!(serve_once(listener).1, "still there");
        for _ in 0..30 {
            assert_ne!(second.attach(&container()).await.unwrap().ip, live.ip);
        }
    });
}

#[test]
fn a_container_that_died_with_no_daemon_gives_its_lease_back() {
    in_a_host(|| async {
        let engine = Engine::new();
        let first = engine.start(&[]).await;
        let endpoint = first.attach(&container()).await.unwrap();
        drop(first);
        eventually("the kernel takes the link", || !ports().contains(&endpoint.host_link)).await;
        let second = engine.start(std::slice::from_ref(&endpoint)).await;
        second.detach(endpoint);
        settled(&second).await;
        assert!(second.endpoints().is_empty());
    });
}

#[test]
fn two_engines_in_one_namespace_have_bridges_and_ranges_of_their_own() {
    in_a_host(|| async {
        let engines = [Engine::new(), Engine::new()];
        let services = [engines[0].start(&[]).await, engines[1].start(&[]).await];
        let [one, two] = services.each_ref().map(|s| s.inspect("bridge").unwrap());
        assert_eq!(one.options["com.docker.network.bridge.name"], "hull0");
        assert_eq!(two.options["com.docker.network.bridge.name"], format!("hull-{}", engines[1].paths.engine_id()));
        assert_eq!(one.ipam.config[0].subnet, "172.17.0.0/16");
        assert_eq!(two.ipam.config[0].subnet, "172.18.0.0/16");
    });
}

#[test]
fn bip_moves_the_bridge() {
    in_a_host(|| async {
        let engine = Engine::new();
        drop(engine.start(&[]).await);
        let config = NetworkConfig { bip: Some("10.5.0.9/24".parse().unwrap()) };
        let service = NetworkService::open(Arc::clone(&engine.paths), config).await.unwrap();
        service.restore(&[]).await.unwrap();
        let endpoint = service.attach(&container()).await.unwrap();
        assert_eq!((endpoint.ip, endpoint.prefix_len), (Ipv4Addr::new(10, 5, 0, 1), 24));
        assert_eq!(endpoint.gateway, Ipv4Addr::new(10, 5, 0, 9));
        let index = nix::net::if_::if_nametoindex("hull0").unwrap();
        let addresses = address::list(&mut RouteSocket::open().unwrap()).unwrap();
        let own: Vec<_> = addresses.iter().filter(|(link, _)| *link == index).map(|(_, a)| a.to_string()).collect();
        assert_eq!(own, ["10.5.0.9/24"]);
    });
}

#[test]
fn networks_are_found_as_docker_finds_them() {
    in_a_host(|| async {
        let engine = Engine::new();
        let service = engine.start(&[]).await;
        let names: Vec<_> = service.list().into_iter().map(|n| (n.name, n.driver)).collect();
        let expected = [("bridge", "bridge"), ("host", "host"), ("none", "null")];
        assert_eq!(names, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        let id = service.inspect("host").unwrap().id;
        assert_eq!(service.inspect(&id).unwrap().name, "host");
        assert_eq!(service.inspect(&id[..12]).unwrap().name, "host");
        for absent in ["", "nosuch"] {
            assert_eq!(service.inspect(absent).unwrap_err().to_string(), format!("network {absent} not found"));
        }
    });
}
