//! Where the relay of a UDP association is. RFC 1928, 6 lets the server say it (BND.ADDR, BND.PORT), but many say what is true
//! for themselves only: the wildcard they are bound to, an address behind their NAT, a name of their own.

use super::Target;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The address for datagrams, of what the reply says and the far end of the control connection: the proxy's own wherever the
/// reply's cannot be meant for us.
pub fn relay_address(bound: &Target, proxy: SocketAddr) -> SocketAddr {
    let (said, port) = match bound {
        Target::Address(address) => (Some(address.ip()), address.port()),
        // Some write their address as a name. A real name is resolved by nobody: it could be anybody's.
        Target::Name(name, port) => (name.parse().ok(), *port),
    };
    let own = proxy.ip().to_canonical();
    let address = said
        .map(|address: IpAddr| address.to_canonical())
        .filter(|address| can_be_meant(*address, own));
    // Port 0 is nobody's; servers that relay UDP at the port of their TCP listener say it.
    let port = if port == 0 { proxy.port() } else { port };
    SocketAddr::new(address.unwrap_or(proxy.ip()), port)
}

/// Whether an address is one at which a proxy reached at `own` may be reached from here.
fn can_be_meant(address: IpAddr, own: IpAddr) -> bool {
    if address == own {
        return true;
    }
    match (reach(address), reach(own)) {
        _ if address.is_ipv4() != own.is_ipv4() => false,
        (Reach::Nobody | Reach::Link, _) => false,
        (Reach::Machine, of_own) => of_own == Reach::Machine,
        // A network of the proxy's own, unless we share it.
        (Reach::Site, Reach::Site) => share_network(address, own),
        (Reach::Site, of_own) => of_own == Reach::Machine,
        (Reach::World, _) => true,
    }
}

/// From where an address can be reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Nobody,
    Machine,
    Link,
    Site,
    World,
}

/// After the IANA special-purpose address registries (RFC 6890).
fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(ip) => reach4(ip),
        IpAddr::V6(ip) => reach6(ip),
    }
}

fn reach4(ip: Ipv4Addr) -> Reach {
    match ip.octets() {
        // "This network" (RFC 791), multicast, reserved, broadcast.
        [0 | 224..=255, ..] => Reach::Nobody,
        [127, ..] => Reach::Machine,
        [169, 254, ..] => Reach::Link,
        // Private (RFC 1918), behind a carrier's NAT (RFC 6598), and fake addresses of programs like this one (RFC 2544).
        [10, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [100, 64..=127, ..]
        | [198, 18..=19, ..] => Reach::Site,
        _ => Reach::World,
    }
}

fn reach6(ip: Ipv6Addr) -> Reach {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Machine,
        [0, 0, 0, 0, 0, 0, ..] | [0xff00..=0xffff, ..] => Reach::Nobody,
        [0xfe80..=0xfebf, ..] => Reach::Link,
        // Unique local (RFC 4193) and the site-local ones before them (RFC 3879).
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Reach::Site,
        _ => Reach::World,
    }
}

/// The same /24, or /64.
fn share_network(one: IpAddr, other: IpAddr) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => one.octets()[..3] == other.octets()[..3],
        (IpAddr::V6(one), IpAddr::V6(other)) => one.octets()[..8] == other.octets()[..8],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn odd_relay_addresses() {
        let rows: Vec<Vec<&str>> = include_str!("relay-addresses.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert!(rows.len() > 30);
        for row in rows {
            let [said, proxy, expected] = row[..] else {
                panic!("{row:?}");
            };
            let bound = Target::Address(said.parse().unwrap());
            let address = relay_address(&bound, proxy.parse().unwrap());
            assert_eq!(address, expected.parse().unwrap(), "{said} of {proxy}");
        }
        for (name, expected) in [
            ("relay.example", "203.0.113.5:4000"),
            ("localhost", "203.0.113.5:4000"),
            ("203.0.113.9", "203.0.113.9:4000"),
            ("10.0.0.9", "203.0.113.5:4000"),
            ("", "203.0.113.5:4000"),
            ("203.0.113.9:5000", "203.0.113.5:4000"),
        ] {
            let bound = Target::Name(name.to_owned(), 4_000);
            let address = relay_address(&bound, "203.0.113.5:1080".parse().unwrap());
            assert_eq!(address, expected.parse().unwrap(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn datagrams_always_have_somewhere_to_go(bits in any::<u128>(), v4 in any::<bool>(), port in any::<u16>()) {
            let ip: IpAddr = if v4 { Ipv4Addr::from(bits as u32).into() } else { Ipv6Addr::from(bits).into() };
            for proxy in ["203.0.113.5:1080", "[2001:db8::5]:1080", "10.20.0.1:1080", "127.0.0.1:1080"] {
                let proxy: SocketAddr = proxy.parse().unwrap();
                let address = relay_address(&Target::Address(SocketAddr::new(ip, port)), proxy);
                prop_assert_eq!(address.is_ipv4(), proxy.is_ipv4());
                prop_assert!(!address.ip().is_unspecified() && !address.ip().is_multicast() && address.port() != 0);
            }
        }
    }
}
