//! What containers can reach.

use super::outside::Outside;
use super::*;

#[test]
fn two_containers_talk_and_are_counted() {
    in_a_host(|| async {
        let engine = Engine::new();
        let service = engine.start(&[]).await;
        let [one, two] = [service.attach(&container()).await.unwrap(), service.attach(&container()).await.unwrap()];
        assert_ne!(one.ip, two.ip);
        assert_eq!(one.gateway, Ipv4Addr::new(172, 17, 0, 1));
        assert_eq!(one.mac, Mac::of(one.ip));

        let at = SocketAddr::from((one.ip, 80));
        let listener = inside(&one.netns, move || TcpListener::bind(at).unwrap()).join().unwrap();
        let text = "x".repeat(5000);
        let sent = text.clone();
        inside(&two.netns, move || say(at, &sent).unwrap()).join().unwrap();
        let (peer, heard) = serve_once(listener);
        assert_eq!(peer.ip(), two.ip, "no address translation between containers");
        assert_eq!(heard, text);

        let received = service.counters(&one).unwrap().unwrap();
        let sent = service.counters(&two).unwrap().unwrap();
        assert!(received.rx.bytes > 5000 && received.tx.bytes < 5000, "{received:?}");
        assert!(sent.tx.bytes > 5000 && sent.rx.bytes < 5000, "{sent:?}");

        // The last packets of the connection may still be on their way: compare when nothing moved in between.
        let agreed = (0..1000).any(|_| {
            let before = service.counters(&one).unwrap();
            let all = service.all_counters().unwrap().get(&one.host_link).copied();
            let moved = before != service.counters(&one).unwrap();
            assert!(moved || all == before, "{all:?} is not {before:?}");
            !moved
        });
        assert!(agreed, "the counters never rest");
    });
}

#[test]
fn the_host_and_its_containers_reach_each_other() {
    in_a_host(|| async {
        let engine = Engine::new();
        let service = engine.start(&[]).await;
        let endpoint = service.attach(&container()).await.unwrap();
        let at = SocketAddr::from((endpoint.ip, 80));
        let listener = inside(&endpoint.netns, move || TcpListener::bind(at).unwrap()).join().unwrap();
        say(at, "from the host").unwrap();
        let (peer, text) = serve_once(listener);
        assert_eq!((peer.ip(), text.as_str()), (endpoint.gateway.into(), "from the host"));

        let at = SocketAddr::from((endpoint.gateway, 81));
        let listener = TcpListener::bind(at).unwrap();
        inside(&endpoint.netns, move || say(at, "from the container").unwrap()).join().unwrap();
        assert_eq!(serve_once(listener).0.ip(), endpoint.ip);
    });
}

#[test]
fn a_container_reaches_the_world_by_the_hosts_address_and_the_world_does_not_reach_it() {
    in_a_host(|| async {
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "0").unwrap();
        let outside = Outside::new();
        let engine = Engine::new();
        let service = engine.start(&[]).await;
        let endpoint = service.attach(&container()).await.unwrap();

        let at = SocketAddr::from((Outside::ADDRESS, 80));
        let listener = outside.inside(move || TcpListener::bind(at).unwrap());
        inside(&endpoint.netns, move || say(at, "to the world").unwrap()).join().unwrap();
        let (peer, text) = serve_once(listener);
        assert_eq!((peer.ip(), text.as_str()), (Outside::HOST.into(), "to the world"), "masqueraded");

        // Even somebody who knows the way gets no new connection in.
        let at = SocketAddr::from((endpoint.ip, 80));
        let _listener = inside(&endpoint.netns, move || TcpListener::bind(at).unwrap()).join().unwrap();
        let gateway = Outside::HOST;
        let refused = outside.inside(move || {
            let mut socket = RouteSocket::open().unwrap();
            let index = nix::net::if_::if_nametoindex(namespace::INTERFACE).unwrap();
            socket.change(vec![netlink::route::add_default(index, gateway)]).unwrap();
            TcpStream::connect_timeout(&at, Duration::from_millis(300)).unwrap_err()
        });
        assert_eq!(refused.kind(), std::io::ErrorKind::TimedOut);
    });
}

#[test]
fn a_namespace_has_loopback_and_nothing_of_ipv6() {
    in_a_host(|| async {
        let engine = Engine::new();
        let service = engine.start(&[]).await;
        let endpoint = service.attach(&container()).await.unwrap();
        let (names, v6) = inside(&endpoint.netns, || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            say(listener.local_addr().unwrap(), "x").unwrap();
            let names: Vec<_> = links().into_iter().map(|link| link.name).collect();
            let v6 = std::fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap_or_default();
            (names, v6)
        })
        .join()
        .unwrap();
        assert_eq!(names, ["lo", "eth0"]);
        assert!(!v6.contains("eth0"), "{v6}");
    });
}
