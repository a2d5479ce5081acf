//! Tells the kernel's connection tracking of a connection that is about to begin, as one that was answered already (ctnetlink): so a
//! firewall that lets in only what belongs to a conversation lets in what we redirect to ourselves. And asks it where a packet of ours
//! has really gone.

use super::netlink::{self, Attributes, Netlink, push_attribute};
use std::cell::Cell;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// NFNL_SUBSYS_CTNETLINK with IPCTNL_MSG_CT_NEW: makes an entry, or changes the one that is left of an earlier connection.
const NEW: u16 = 1 << 8;
/// IPCTNL_MSG_CT_GET.
const GET: u16 = 1 << 8 | 1;
/// `enum ctattr_type` and those inside (linux/netfilter/nfnetlink_conntrack.h).
const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const STATUS: u16 = 3;
const PROTOCOL_STATE: u16 = 4;
const TIMEOUT: u16 = 7;
const NESTED: u16 = 0x8000;
/// IPS_SEEN_REPLY, IPS_ASSURED, IPS_CONFIRMED.
const ANSWERED: u32 = 1 << 1 | 1 << 2 | 1 << 3;
/// What comes next of the connection (`enum tcp_conntrack`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// TCP_CONNTRACK_SYN_SENT: the SYN that follows is a repetition.
    Begins = 1,
    /// TCP_CONNTRACK_ESTABLISHED.
    GoesOn = 3,
}

/// IP_CT_TCP_FLAG_BE_LIBERAL, and as a mask: windows are not judged.
const LIBERAL: [u8; 2] = [8, 8];
/// How long the entry waits for its first packet, which sets the kernel's own time. Seconds.
const WAIT: u32 = 30;

thread_local! {
    /// What was asked by last.
    static KEPT: Cell<Option<Netlink>> = const { Cell::new(None) };
}

/// Makes the connection from `client` to `server` one that was answered.
pub fn admit(client: SocketAddr, server: SocketAddr, stage: Stage) -> io::Result<()> {
    let flags = (libc::NLM_F_CREATE | libc::NLM_F_ACK) as u16;
    let request = netlink::request(NEW, flags, &body(client, server, stage));
    ask(&request, &mut |_| {})
}

/// Where what was sent from `local` to `remote` has gone by NAT of this machine; `None` where it is not tracked, or goes to `remote`.
/// `protocol` is one of IPPROTO_*.
pub fn nat_target(
    protocol: u8,
    local: SocketAddr,
    remote: SocketAddr,
) -> io::Result<Option<SocketAddr>> {
    let mut body = head(local);
    push_nested(&mut body, TUPLE_ORIGINAL, &tuple(protocol, local, remote));
    let mut found = None;
    match ask(&netlink::request(GET, 0, &body), &mut |answer| {
        found = replier(answer);
    }) {
        // ENOENT: no such conversation. EOPNOTSUPP, EINVAL: nothing is tracked in this kernel.
        Err(error)
            if !matches!(
                error.raw_os_error(),
                Some(libc::ENOENT | libc::EOPNOTSUPP | libc::EINVAL)
            ) =>
        {
            Err(error)
        }
        _ => Ok(found.filter(|target| *target != remote)),
    }
}

/// Who answers the conversation that an entry is about: the source in its reply direction.
fn replier(entry: &[u8]) -> Option<SocketAddr> {
    let find = |bytes, kind| Attributes(bytes).find(|(each, _)| *each == kind);
    let (_, reply) = find(entry.get(4..)?, TUPLE_REPLY)?;
    let (_, addresses) = find(reply, 1)?;
    let (_, ports) = find(reply, 2)?;
    let ip = match find(addresses, 1) {
        Some((_, octets)) => IpAddr::from(<[u8; 4]>::try_from(octets).ok()?),
        None => IpAddr::from(<[u8; 16]>::try_from(find(addresses, 3)?.1).ok()?),
    };
    let port = <[u8; 2]>::try_from(find(ports, 2)?.1).ok()?;
    Some(SocketAddr::new(ip, u16::from_be_bytes(port)))
}

fn ask(request: &[u8], take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let netlink = match KEPT.take() {
        Some(netlink) => netlink,
        None => Netlink::open(libc::NETLINK_NETFILTER)?,
    };
    let outcome = netlink.ask(request, take);
    // A refusal is an answer; after anything else a late one would be taken for that to the next request.
    if !matches!(&outcome, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
        KEPT.set(Some(netlink));
    }
    outcome
}

fn body(client: SocketAddr, server: SocketAddr, stage: Stage) -> Vec<u8> {
    let mut body = head(client);
    let protocol = libc::IPPROTO_TCP as u8;
    push_nested(&mut body, TUPLE_ORIGINAL, &tuple(protocol, client, server));
    push_nested(&mut body, TUPLE_REPLY, &tuple(protocol, server, client));
    push_attribute(&mut body, STATUS, &ANSWERED.to_be_bytes());
    push_attribute(&mut body, TIMEOUT, &WAIT.to_be_bytes());
    let mut tcp = Vec::new();
    push_attribute(&mut tcp, 1, &[stage as u8]);
    push_attribute(&mut tcp, 4, &LIBERAL);
    push_attribute(&mut tcp, 5, &LIBERAL);
    let mut state = Vec::new();
    push_nested(&mut state, 1, &tcp);
    push_nested(&mut body, PROTOCOL_STATE, &state);
    body
}

/// `struct nfgenmsg`.
fn head(one: SocketAddr) -> Vec<u8> {
    let family = if one.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    vec![family as u8, 0, 0, 0]
}

fn tuple(protocol: u8, from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let mut addresses = Vec::new();
    for (ip, kind4, kind6) in [(from.ip(), 1, 3), (to.ip(), 2, 4)] {
        match ip {
            IpAddr::V4(ip) => push_attribute(&mut addresses, kind4, &ip.octets()),
            IpAddr::V6(ip) => push_attribute(&mut addresses, kind6, &ip.octets()),
        }
    }
    let mut ports = Vec::new();
    push_attribute(&mut ports, 1, &[protocol]);
    push_attribute(&mut ports, 2, &from.port().to_be_bytes());
    push_attribute(&mut ports, 3, &to.port().to_be_bytes());
    let mut tuple = Vec::new();
    push_nested(&mut tuple, 1, &addresses);
    push_nested(&mut tuple, 2, &ports);
    tuple
}

fn push_nested(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    push_attribute(body, kind | NESTED, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_directions_are_told_and_the_state() {
        for (client, server) in [
            ("198.18.0.2:40000", "198.18.0.1:5000"),
            ("[fd00::2]:40000", "[fd00::1]:5000"),
        ] {
            let (client, server) = (client.parse().unwrap(), server.parse().unwrap());
            let body = body(client, server, Stage::Begins);
            let attributes: Vec<(u16, &[u8])> = Attributes(&body[4..]).collect();
            let kinds: Vec<u16> = attributes.iter().map(|(kind, _)| *kind).collect();
            assert_eq!(kinds, [1, 2, 3, 7, 4]);
            assert_eq!(attributes[0].1, tuple(6, client, server));
            assert_eq!(attributes[1].1, tuple(6, server, client));
            assert_eq!(attributes[2].1, 14u32.to_be_bytes());
        }
    }

    #[test]
    fn who_answers_is_read_of_the_reply() {
        for (client, replier_) in [
            ("10.0.0.2:40000", "127.0.0.1:5353"),
            ("[fd00::2]:40000", "[::1]:53"),
        ] {
            let (client, server) = (client.parse().unwrap(), replier_.parse().unwrap());
            assert_eq!(replier(&body(client, server, Stage::Begins)), Some(server));
        }
    }

    proptest! {
        #[test]
        fn any_entry_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            replier(&bytes);
        }
    }
}
