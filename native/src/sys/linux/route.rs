//! Where the kernel sends a packet (RTM_GETROUTE, rtnetlink(7)): by its rules and tables, whoever made them. What it said is kept
//! until anything that it may depend on has changed.

mod cache;
mod notices;
mod patient;
mod review;
mod rules;

use super::netlink::{self, Attributes, Netlink};
use crate::sys::interface;
use crate::sys::process::{kernel_version, monotonic_ms};
use cache::Cache;
use notices::Notices;
use patient::Standby;
pub use review::{Origin, Review};
pub use rules::Sights;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const RTM_GETROUTE: u16 = 26;
/// Bytes of `struct rtmsg`, and where its type is.
const ROUTE_MESSAGE: usize = 12;
const TYPE_AT: usize = 7;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_PREFSRC: u16 = 7;
const RTA_MARK: u16 = 16;
const RTA_UID: u16 = 25;
const RTA_IP_PROTO: u16 = 27;
const RTA_SPORT: u16 = 28;
const RTA_DPORT: u16 = 29;

/// A packet as far as rules look at it (ip-rule(8)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    pub destination: IpAddr,
    pub mark: u32,
    /// IP protocol and destination port, 0 if none. Without it the kernel takes UDP for granted.
    pub transport: Option<(u8, u16)>,
    /// Whose socket it is; our own if nobody's. It counts only where a rule looks at users.
    pub uid: Option<u32>,
    /// The port that it comes from. It counts only where a rule looks at these.
    pub source_port: Option<u16>,
}

/// The kernel's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The packet stays on this machine.
    pub is_local: bool,
    /// Index of the interface it leaves by.
    pub device: u32,
    /// The source address that a socket without one gets.
    pub source: Option<IpAddr>,
}

/// The first kernel that was seen to answer about IPv4 without its global RTNL mutex. Earlier ones make the question wait for
/// whoever holds it: a namespace that is torn down, a driver. About IPv6 all of the last years answer without it.
const UNLOCKED: (u32, u32) = (6, 18);

thread_local! {
    static WAYS: RefCell<Ways> = RefCell::new(Ways::new());
}

/// `None` if there is no route, or one that says unreachable, prohibit or blackhole. Never blocks for long: ETIMEDOUT when the
/// kernel does not answer within 20 ms, and at once while it goes on so.
pub fn find(query: &Query) -> io::Result<Option<Route>> {
    WAYS.with_borrow_mut(|ways| ways.find(query))
}

/// What of a sender rules look at. All of it while the kernel does not say.
pub fn sights() -> Sights {
    WAYS.with_borrow_mut(|ways| {
        ways.take_notices(monotonic_ms());
        ways.sights()
    })
}

/// What the kernel has said to this thread.
struct Ways {
    /// `None` if there are no notices: then nothing is kept.
    notices: Option<Notices>,
    routes: Cache<Query, Option<Route>>,
    names: HashMap<u32, String>,
    sights: Option<Sights>,
    asker: Asker,
    /// For questions that may block.
    patient: Standby<Query, io::Result<Option<Route>>>,
    patient_about_rules: Standby<(), io::Result<Sights>>,
    is_locked: bool,
}

impl Ways {
    fn new() -> Self {
        Self {
            notices: Notices::open().ok(),
            routes: Cache::new(),
            names: HashMap::new(),
            sights: None,
            asker: Asker::default(),
            patient: Standby::new(),
            patient_about_rules: Standby::new(),
            is_locked: kernel_version().is_none_or(|version| version < UNLOCKED),
        }
    }

    fn find(&mut self, query: &Query) -> io::Result<Option<Route>> {
        let now = monotonic_ms();
        self.take_notices(now);
        let mut query = *query;
        if query.uid.is_some() || query.source_port.is_some() {
            let sights = self.sights();
            query.uid = query.uid.filter(|_| sights.users);
            query.source_port = query.source_port.filter(|_| sights.source_ports);
        }
        let query = &query;
        if let Some(route) = self.routes.get(query, now) {
            return Ok(route);
        }
        let route = self.ask(query)?;
        if self.notices.is_some() {
            self.routes.put(*query, route, now);
        }
        Ok(route)
    }

    fn ask(&mut self, query: &Query) -> io::Result<Option<Route>> {
        if !self.is_locked || query.destination.is_ipv6() {
            return self.asker.ask(query);
        }
        let begin = || {
            let mut asker = Asker::default();
            move |query| asker.ask(&query)
        };
        self.patient.ask("routes", begin, *query)?
    }

    fn sights(&mut self) -> Sights {
        if let Some(known) = self.sights {
            return known;
        }
        // The list may have to wait for the RTNL mutex.
        let begin = || |()| rules::sights();
        let answer = self.patient_about_rules.ask("rules", begin, ());
        let known = answer.and_then(|answer| answer).ok();
        self.sights = known.filter(|_| self.notices.is_some());
        known.unwrap_or(Sights::ALL)
    }

    fn name_of(&mut self, device: u32) -> io::Result<String> {
        self.take_notices(monotonic_ms());
        if let Some(name) = self.names.get(&device) {
            return Ok(name.clone());
        }
        let name = interface::name_of(device)?;
        if self.notices.is_some() {
            self.names.insert(device, name.clone());
        }
        Ok(name)
    }

    fn take_notices(&mut self, now: u64) {
        if self.notices.as_ref().is_some_and(Notices::take) {
            self.routes.clear(now);
            self.names.clear();
            self.sights = None;
        }
    }
}

/// A connection to the kernel, opened when it is needed and again after an error.
#[derive(Default)]
struct Asker(Option<Netlink>);

impl Asker {
    fn ask(&mut self, query: &Query) -> io::Result<Option<Route>> {
        let netlink = match self.0.take() {
            Some(netlink) => netlink,
            None => Netlink::open(libc::NETLINK_ROUTE)?,
        };
        let mut found = None;
        let asked = netlink.ask(&request(query), &mut |answer| found = parse(answer));
        if let Err(error) = asked
            && !says_no_way(&error)
        {
            return Err(error);
        }
        self.0 = Some(netlink);
        Ok(found)
    }
}

/// Whether an error says that no way leads there.
pub fn says_no_way(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ENETUNREACH
                | libc::EHOSTUNREACH
                | libc::EACCES
                | libc::EINVAL
                | libc::ENETDOWN
                | libc::EAFNOSUPPORT
                | libc::EOPNOTSUPP,
        )
    )
}

/// Name of the interface of a route.
pub fn device_name(route: &Route) -> io::Result<String> {
    WAYS.with_borrow_mut(|ways| ways.name_of(route.device))
}

fn request(query: &Query) -> Vec<u8> {
    let (family, octets) = match query.destination {
        IpAddr::V4(ip) => (libc::AF_INET, ip.octets().to_vec()),
        IpAddr::V6(ip) => (libc::AF_INET6, ip.octets().to_vec()),
    };
    let mut body = vec![0; ROUTE_MESSAGE];
    body[0] = family as u8;
    body[1] = (octets.len() * 8) as u8;
    netlink::push_attribute(&mut body, RTA_DST, &octets);
    if query.mark != 0 {
        netlink::push_attribute(&mut body, RTA_MARK, &query.mark.to_ne_bytes());
    }
    if let Some((protocol, port)) = query.transport {
        netlink::push_attribute(&mut body, RTA_IP_PROTO, &[protocol]);
        if port != 0 {
            netlink::push_attribute(&mut body, RTA_DPORT, &port.to_be_bytes());
        }
    }
    if let Some(port) = query.source_port {
        netlink::push_attribute(&mut body, RTA_SPORT, &port.to_be_bytes());
    }
    if let Some(uid) = query.uid {
        netlink::push_attribute(&mut body, RTA_UID, &uid.to_ne_bytes());
    }
    netlink::request(RTM_GETROUTE, 0, &body)
}

fn parse(message: &[u8]) -> Option<Route> {
    let is_local = match *message.get(TYPE_AT)? {
        libc::RTN_UNICAST => false,
        libc::RTN_LOCAL => true,
        // Groups and the like have an interface as well; what is unreachable has none that counts.
        libc::RTN_BROADCAST | libc::RTN_ANYCAST | libc::RTN_MULTICAST => false,
        _ => return None,
    };
    let mut device = None;
    let mut source = None;
    for (kind, value) in Attributes(message.get(ROUTE_MESSAGE..)?) {
        match kind {
            RTA_OIF => device = value.first_chunk().map(|index| u32::from_ne_bytes(*index)),
            RTA_PREFSRC => source = address(value),
            _ => {}
        }
    }
    Some(Route {
        is_local,
        device: device?,
        source,
    })
}

fn address(value: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(value) {
        return Some(Ipv4Addr::from(octets).into());
    }
    let octets = <[u8; 16]>::try_from(value).ok()?;
    Some(Ipv6Addr::from(octets).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn to(destination: &str) -> Query {
        Query {
            destination: destination.parse().unwrap(),
            mark: 0x4d49,
            transport: Some((6, 443)),
            uid: Some(65_534),
            source_port: Some(40_000),
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            parse(&bytes);
        }
    }

    #[test]
    fn loopback_is_local() {
        let route = find(&to("127.0.0.77")).unwrap().unwrap();
        assert!(route.is_local);
        assert_eq!(device_name(&route).unwrap(), "lo");
        // Again, by the connection that was kept.
        assert_eq!(find(&to("127.0.0.77")).unwrap(), Some(route));
    }

    #[test]
    fn where_no_table_leads_there_is_no_route() {
        // Nobody has an address of this network; on a machine with a default route the kernel sends it there all the same.
        let routes = std::fs::read_to_string("/proc/net/route").unwrap();
        let has_default = routes
            .lines()
            .any(|line| line.split_whitespace().nth(1) == Some("00000000"));
        let found = find(&to("255.255.255.254")).unwrap();
        assert_eq!(found.is_some(), has_default);
    }
}
