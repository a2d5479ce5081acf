//! Functions of the addon beside the engine: outward sockets and questions about processes.

use crate::command::Layer;
use crate::egress;
use crate::event::DialFault;
use crate::glue::arguments;
use crate::glue::error::{Result, invalid, mistyped, system};
use crate::glue::events::set_fault;
use crate::glue::promise::Promise;
use crate::options::{Hop, Sender};
use crate::reactor::{self, Stream};
use crate::socks5::Target;
use crate::sys::conntrack;
use crate::sys::memory;
use crate::sys::process::{block_signals, raise_descriptor_limit};
use crate::sys::process_files;
use crate::sys::process_lookup::{self, Owner};
use crate::sys::spared::Spared;
use crate::sys::{peer_cred, route, sock_diag};
use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, sys as napi_sys};
use napi_derive::napi;
use std::net::IpAddr;
use std::os::fd::IntoRawFd;
use std::sync::{Mutex, PoisonError};

/// Once, when the addon is loaded.
#[napi_derive::module_init]
fn on_load() {
    memory::prefer_little_memory();
    raise_descriptor_limit();
}

/// On a thread of its own: it takes some milliseconds.
#[napi(catch_unwind)]
pub fn trim_memory() {
    let thread = std::thread::Builder::new().name("mirage-trim".into());
    // Without a thread the memory waits for the next time.
    let _ = thread.spawn(|| {
        block_signals();
        memory::trim();
    });
}

#[napi(object)]
pub struct Credentials {
    pub pid: i32,
    pub uid: u32,
    pub gid: u32,
}

#[napi(object)]
pub struct NativeProcess {
    pub pid: u32,
    pub uid: u32,
    pub name: String,
    pub path: String,
}

impl From<Owner> for NativeProcess {
    fn from(owner: Owner) -> Self {
        Self {
            pid: owner.pid,
            uid: owner.uid,
            name: owner.name,
            path: owner.path,
        }
    }
}

/// `OpenedStream`.
pub struct StreamOutcome(std::result::Result<Stream, DialFault>);

impl ToNapiValue for StreamOutcome {
    unsafe fn to_napi_value(
        raw: napi_sys::napi_env,
        outcome: Self,
    ) -> napi::Result<napi_sys::napi_value> {
        let env = Env::from_raw(raw);
        let mut object = Object::new(&env)?;
        object.set("ok", outcome.0.is_ok())?;
        match outcome.0 {
            Ok(stream) => {
                object.set("address", stream.peer.ip().to_string())?;
                object.set("local", stream.local.to_string())?;
                if let Some(bound) = stream.bound {
                    let (host, port) = match bound {
                        Target::Name(name, port) => (name, port),
                        Target::Address(address) => (address.ip().to_string(), address.port()),
                    };
                    object.set("boundHost", host)?;
                    object.set("boundPort", port)?;
                }
                // It becomes a number at the last moment, or it would leak if nobody takes it.
                object.set("fd", stream.fd.into_raw_fd())?;
            }
            Err(fault) => set_fault(&mut object, fault)?,
        }
        // SAFETY: the environment is the one the object was made in.
        unsafe { Object::to_napi_value(raw, object) }
    }
}

#[napi(catch_unwind)]
pub fn open_stream<'env>(env: &'env Env, plan: Object, mark: f64) -> Result<Object<'env>> {
    let associate = arguments::optional(&plan, "associate")?.unwrap_or(false);
    let plan = arguments::dial_plan(&plan)?;
    let carries = |layer: &Layer| layer.clone().take_target().is_some();
    if associate && !plan.layers.last().is_some_and(carries) {
        return Err(invalid("the last layer carries no datagrams"));
    }
    let mark = arguments::mark(mark)?;
    let (promise, object) = Promise::<StreamOutcome>::new(env).map_err(mistyped)?;
    let done = Box::new(move |outcome| promise.resolve(move || StreamOutcome(outcome)));
    reactor::open_stream(plan, associate, mark, done);
    Ok(object)
}

#[napi(catch_unwind)]
pub fn open_udp(family: f64, device: Option<String>, mark: f64) -> Result<i32> {
    let is_v6 = match family {
        4.0 => false,
        6.0 => true,
        _ => return Err(invalid("family is neither 4 nor 6")),
    };
    let socket = egress::open_udp(is_v6, device.as_deref(), arguments::mark(mark)?)
        .map_err(|error| system("UDP socket", &error))?;
    Ok(socket.into_raw_fd())
}

#[napi(catch_unwind)]
pub fn peer_credentials(fd: i32) -> Result<Credentials> {
    let peer = peer_cred::of(fd).map_err(|error| system("SO_PEERCRED", &error))?;
    Ok(Credentials {
        pid: peer.pid,
        uid: peer.uid,
        gid: peer.gid,
    })
}

#[napi(catch_unwind)]
pub fn find_process<'env>(
    env: &'env Env,
    network: String,
    source: Object,
    destination: Object,
) -> Result<Object<'env>> {
    let protocol = protocol_of(&network)?;
    let source = arguments::endpoint(&source)?;
    let destination = arguments::endpoint(&destination)?;
    let (promise, object) = Promise::<Option<NativeProcess>>::new(env).map_err(mistyped)?;
    process_lookup::find_owner(
        protocol,
        source,
        destination,
        Box::new(move |owner| promise.resolve(move || owner.map(NativeProcess::from))),
    );
    Ok(object)
}

/// The user who has the socket; -1 if that cannot be told.
#[napi(catch_unwind)]
pub fn socket_uid(network: String, source: Object, destination: Object) -> Result<f64> {
    let protocol = protocol_of(&network)?;
    let source = arguments::endpoint(&source)?;
    let destination = arguments::endpoint(&destination)?;
    let found = sock_diag::find(protocol, source, destination)
        .ok()
        .flatten();
    Ok(found.map_or(-1.0, |socket| f64::from(socket.uid)))
}

#[napi(object)]
pub struct NativeEndpoint {
    pub address: String,
    pub port: u16,
}

/// Where what was sent from `local` to `remote` has gone by NAT of this machine.
#[napi(catch_unwind)]
pub fn nat_target(
    network: String,
    local: Object,
    remote: Object,
) -> Result<Option<NativeEndpoint>> {
    let protocol = protocol_of(&network)? as u8;
    let local = arguments::endpoint(&local)?;
    let remote = arguments::endpoint(&remote)?;
    let target = conntrack::nat_target(protocol, local, remote)
        .map_err(|error| system("IPCTNL_MSG_CT_GET", &error))?;
    Ok(target.map(|target| NativeEndpoint {
        address: target.ip().to_string(),
        port: target.port(),
    }))
}

fn protocol_of(network: &str) -> Result<i32> {
    match network {
        "tcp" => Ok(libc::IPPROTO_TCP),
        "udp" => Ok(libc::IPPROTO_UDP),
        _ => Err(invalid(format!("network is unknown: {network}"))),
    }
}

#[napi(catch_unwind)]
pub fn find_listeners<'env>(env: &'env Env, address: String, port: f64) -> Result<Object<'env>> {
    let address: IpAddr = arguments::address("address", &address)?;
    let port = arguments::port("port", port)?;
    let (promise, object) = Promise::<Vec<NativeProcess>>::new(env).map_err(mistyped)?;
    process_lookup::find_listeners(
        address,
        port,
        Box::new(move |owners| {
            promise.resolve(move || owners.into_iter().map(NativeProcess::from).collect());
        }),
    );
    Ok(object)
}

/// Who is spared now, if anybody.
static SPARED: Mutex<Option<Spared>> = Mutex::new(None);

#[napi(catch_unwind)]
pub fn spare_processes(pids: Vec<u32>, mark: f64) -> Result<()> {
    let mark = arguments::mark(mark)?;
    let failed = |error| system("bpf", &error);
    let mut spared = SPARED.lock().unwrap_or_else(PoisonError::into_inner);
    if pids.is_empty() || spared.as_ref().is_some_and(|each| each.mark() != mark) {
        *spared = None;
    }
    if pids.is_empty() {
        return Ok(());
    }
    if spared.is_none() {
        *spared = Some(Spared::new(mark).map_err(failed)?);
    }
    match spared.as_mut() {
        Some(each) => each.set(pids).map_err(failed),
        None => Ok(()),
    }
}

#[napi(catch_unwind)]
pub fn parent_of(pid: u32) -> u32 {
    process_files::parent_of(pid).unwrap_or(0)
}

#[napi(catch_unwind)]
pub fn destroy_sockets(prefixes: Vec<String>, spared: Vec<String>) -> Result<u32> {
    let prefixes = arguments::prefixes("prefixes", &prefixes)?;
    let spared = arguments::prefixes("spared", &spared)?;
    sock_diag::destroy(&prefixes, &spared).map_err(|error| system("SOCK_DESTROY", &error))
}

#[napi(object)]
pub struct NativeRoute {
    pub local: bool,
    pub device: String,
    pub source: Option<String>,
}

#[napi(catch_unwind)]
pub fn find_route(
    destination: String,
    mark: f64,
    network: Option<String>,
    port: Option<f64>,
    uid: Option<f64>,
) -> Result<Option<NativeRoute>> {
    let destination: IpAddr = arguments::address("destination", &destination)?;
    let protocol = match network.as_deref() {
        Some("icmp") if destination.is_ipv4() => Some(libc::IPPROTO_ICMP),
        Some("icmp") => Some(libc::IPPROTO_ICMPV6),
        Some(network) => Some(protocol_of(network)?),
        None => None,
    };
    let transport = match (protocol, port) {
        (Some(protocol), Some(port)) => Some((
            protocol as u8,
            arguments::whole("port", port, f64::from(u16::MAX))? as u16,
        )),
        _ => None,
    };
    let query = route::Query {
        destination,
        mark: arguments::mark(mark)?,
        transport,
        uid: uid
            .map(|uid| arguments::whole("uid", uid, f64::from(u32::MAX)))
            .transpose()?
            .map(|uid| uid as u32),
        source_port: None,
    };
    let found = route::find(&query).map_err(|error| system("RTM_GETROUTE", &error))?;
    // The interface may have gone in this moment.
    Ok(found.and_then(|route| {
        Some(NativeRoute {
            local: route.is_local,
            device: route::device_name(&route).ok()?,
            source: route.source.map(|address| address.to_string()),
        })
    }))
}

#[napi(catch_unwind)]
pub fn rules_look_at_senders() -> bool {
    let sights = route::sights();
    sights.users || sights.source_ports
}

#[napi(catch_unwind)]
pub fn source_towards(destination: String, mark: f64) -> Result<Option<String>> {
    let hop = Hop {
        address: arguments::address("destination", &destination)?,
        device: None,
    };
    // The discard port: nothing is sent.
    match egress::source_towards(&hop, 9, Sender::own(arguments::mark(mark)?)) {
        Ok(source) => Ok(Some(source.to_string())),
        Err(error) if route::says_no_way(&error) => Ok(None),
        Err(error) => Err(system("UDP socket", &error)),
    }
}
