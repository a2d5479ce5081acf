//! Engine events as JavaScript objects.

use crate::event::{Attempt, AttemptEnd, DialFault, Event, Failure, Network, PeekEnd, Reason};
use napi::bindgen_prelude::{Array, BufferSlice, Object, ToNapiValue};
use napi::{Env, Result, sys};
use std::net::SocketAddr;

/// A batch of events, in order.
pub struct Batch(pub Vec<Event>);

impl ToNapiValue for Batch {
    unsafe fn to_napi_value(raw: sys::napi_env, batch: Self) -> Result<sys::napi_value> {
        let env = Env::from_raw(raw);
        let mut array = env.create_array(batch.0.len() as u32)?;
        for (index, event) in batch.0.into_iter().enumerate() {
            array.set(index as u32, to_object(&env, event)?)?;
        }
        // SAFETY: the environment is the one the array was made in.
        unsafe { Array::to_napi_value(raw, array) }
    }
}

fn to_object<'env>(env: &'env Env, event: Event) -> Result<Object<'env>> {
    let mut object = Object::new(env)?;
    match event {
        Event::Open {
            id,
            slot,
            network,
            source,
            destination,
            class,
        } => {
            object.set("kind", "open")?;
            object.set("id", id as f64)?;
            object.set("slot", slot)?;
            object.set("network", network_name(network))?;
            object.set("source", endpoint(env, source)?)?;
            object.set("destination", endpoint(env, destination)?)?;
            object.set("trafficClass", u32::from(class))?;
        }
        Event::Dialed {
            id,
            outcome,
            ms,
            attempts,
        } => {
            object.set("kind", "dialed")?;
            object.set("id", id as f64)?;
            object.set("ok", outcome.is_ok())?;
            match outcome {
                Ok(address) => object.set("address", address.to_string())?,
                Err(fault) => set_fault(&mut object, fault)?,
            }
            object.set("ms", ms as f64)?;
            if !attempts.is_empty() {
                object.set("attempts", attempt_list(env, &attempts)?)?;
            }
        }
        Event::Peeked {
            id,
            chunks,
            end,
            ms,
        } => {
            object.set("kind", "peeked")?;
            object.set("id", id as f64)?;
            let mut array = env.create_array(chunks.len() as u32)?;
            for (index, chunk) in chunks.iter().enumerate() {
                array.set(index as u32, BufferSlice::copy_from(env, chunk)?)?;
            }
            object.set("chunks", array)?;
            object.set(
                "reason",
                match end {
                    PeekEnd::Bytes => "bytes",
                    PeekEnd::End => "end",
                    PeekEnd::Timeout => "timeout",
                },
            )?;
            object.set("ms", ms as f64)?;
        }
        Event::Close {
            id,
            up,
            down,
            first_byte,
            reason,
        } => {
            object.set("kind", "close")?;
            object.set("id", id as f64)?;
            object.set("up", up as f64)?;
            object.set("down", down as f64)?;
            if let Some(ms) = first_byte {
                object.set("firstByteMs", ms as f64)?;
            }
            object.set("reason", reason_name(reason))?;
        }
        Event::Dns(questions) => {
            object.set("kind", "dns")?;
            object.set("firstToken", questions.first_token as f64)?;
            object.set("count", questions.count)?;
            object.set("questions", BufferSlice::from_data(env, questions.bytes)?)?;
        }
        Event::Echo {
            id,
            source,
            destination,
        } => {
            object.set("kind", "echo")?;
            object.set("id", id as f64)?;
            object.set("source", source.to_string())?;
            object.set("destination", destination.to_string())?;
        }
        Event::Crowded { refused } => {
            object.set("kind", "crowded")?;
            object.set("refused", refused as f64)?;
        }
        Event::Dead { message, revivable } => {
            object.set("kind", "dead")?;
            object.set("message", message)?;
            object.set("revivable", revivable)?;
        }
    }
    Ok(object)
}

/// Why a dial failed.
pub fn set_fault(object: &mut Object, fault: DialFault) -> Result<()> {
    object.set("failure", failure_name(fault.failure))?;
    if let Some(layer) = fault.layer {
        object.set("layer", layer as u32)?;
    }
    object.set("message", fault.message)
}

pub fn attempt_list<'env>(env: &'env Env, attempts: &[Attempt]) -> Result<Array<'env>> {
    let mut list = env.create_array(attempts.len() as u32)?;
    for (index, attempt) in attempts.iter().enumerate() {
        let mut object = Object::new(env)?;
        object.set("address", attempt.address.to_string())?;
        object.set("begun", attempt.begun as f64)?;
        object.set("took", attempt.took as f64)?;
        match attempt.end {
            AttemptEnd::Connected => object.set("end", "connected")?,
            AttemptEnd::Failed(failure) => object.set("end", failure_name(failure))?,
            AttemptEnd::Unanswered => object.set("end", "unanswered")?,
        }
        list.set(index as u32, object)?;
    }
    Ok(list)
}

fn endpoint(env: &Env, address: SocketAddr) -> Result<Object<'_>> {
    let mut object = Object::new(env)?;
    object.set("address", address.ip().to_string())?;
    object.set("port", address.port())?;
    Ok(object)
}

fn network_name(network: Network) -> &'static str {
    match network {
        Network::Tcp => "tcp",
        Network::Udp => "udp",
    }
}

fn failure_name(failure: Failure) -> &'static str {
    match failure {
        Failure::Refused => "refused",
        Failure::NetworkUnreachable => "network-unreachable",
        Failure::HostUnreachable => "host-unreachable",
        Failure::Timeout => "timeout",
        Failure::ProxyRefused => "proxy-refused",
        Failure::ProxyUnreachable => "proxy-unreachable",
        Failure::ProxyAuth => "proxy-auth",
        Failure::ProxyDenied => "proxy-denied",
        Failure::ProxyFailed => "proxy-failed",
        Failure::TlsExpired => "tls-expired",
        Failure::TlsNotYetValid => "tls-not-yet-valid",
        Failure::TlsName => "tls-name",
        Failure::TlsUnknownIssuer => "tls-unknown-issuer",
        Failure::TlsFingerprint => "tls-fingerprint",
        Failure::TlsCertificate => "tls-certificate",
        Failure::TlsClientCertificate => "tls-client-certificate",
        Failure::TlsFailed => "tls-failed",
        Failure::Io => "io",
    }
}

pub fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::Done => "done",
        Reason::ResetByClient => "reset-by-client",
        Reason::ResetByRemote => "reset-by-remote",
        Reason::Unreadable => "unreadable",
        Reason::Closed => "closed",
        Reason::Rejected => "rejected",
        Reason::Idle => "idle",
        Reason::Dropped => "dropped",
        Reason::Abandoned => "abandoned",
        Reason::GaveWay => "gave-way",
        Reason::Rerouted => "rerouted",
        Reason::Stopped => "stopped",
    }
}
