//! Reads arguments from JavaScript objects and checks them.

use crate::command::{
    DialPlan, EchoVerdict, Ending, HttpConnect, Layer, Peek, Refusal, Rejection, Socks5, Verdict,
};
use crate::glue::error::{Result, invalid, mistyped};
use crate::layer::shadowsocks::cipher::Method;
use crate::layer::shadowsocks::{Node, Shadowsocks};
use crate::layer::tls::{Identity, Tls, Trust};
use crate::layer::trojan::Trojan;
use crate::layer::web_socket::WebSocket;
use crate::options::{Hijack, Hop, Options, Servers};
use crate::prefix::Prefix;
use crate::socks5::{Credentials, Target};
use napi::ValueType;
use napi::bindgen_prelude::{FromNapiValue, Object, Uint8Array, Unknown};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// SOCKS5 keeps lengths of names in one byte (RFC 1928, RFC 1929).
const MAX_SOCKS_TEXT: usize = 255;
/// A CONNECT request with all its headers.
const MAX_REQUEST: usize = 65_536;
/// Servers that lead on to a user's.
const MAX_IDENTITIES: usize = 8;
/// What one connection may be led through.
const MAX_LAYERS: usize = 32;
/// Larger would overflow nothing, but can only be a mistake: a day.
const MAX_TIMEOUT_MS: f64 = 86_400_000.0;
/// More bytes than any peek shows.
const MAX_PEEK: f64 = 1_048_576.0;

/// A property that must be there.
fn field<T: FromNapiValue>(object: &Object, name: &str) -> Result<T> {
    optional(object, name)?.ok_or_else(|| invalid(format!("{name} is missing")))
}

/// A property that may be missing or null.
pub fn optional<T: FromNapiValue>(object: &Object, name: &str) -> Result<Option<T>> {
    let Some(value) = object.get::<Unknown>(name).map_err(mistyped)? else {
        return Ok(None);
    };
    if value.get_type().map_err(mistyped)? == ValueType::Null {
        return Ok(None);
    }
    object
        .get::<T>(name)
        .map_err(|_| invalid(format!("{name} has the wrong type")))
}

/// A whole number within a range.
pub fn whole(name: &str, value: f64, most: f64) -> Result<u64> {
    if value.fract() != 0.0 || !(0.0..=most).contains(&value) {
        return Err(invalid(format!(
            "{name} is not a whole number from 0 to {most}"
        )));
    }
    Ok(value as u64)
}

/// A port, not 0.
pub fn port(name: &str, value: f64) -> Result<u16> {
    match whole(name, value, f64::from(u16::MAX))? {
        0 => Err(invalid(format!("{name} is 0"))),
        port => Ok(port as u16),
    }
}

/// An SO_MARK value.
pub fn mark(value: f64) -> Result<u32> {
    Ok(whole("mark", value, f64::from(u32::MAX))? as u32)
}

/// A time limit.
pub fn timeout(value: f64) -> Result<u64> {
    match whole("timeoutMs", value.ceil(), MAX_TIMEOUT_MS)? {
        0 => Err(invalid("timeoutMs is 0")),
        ms => Ok(ms),
    }
}

/// Text of an address as its type.
pub fn address<T: FromStr>(name: &str, text: &str) -> Result<T> {
    text.parse()
        .map_err(|_| invalid(format!("{name} is not an address: {text}")))
}

/// Texts of address prefixes.
pub fn prefixes(name: &str, texts: &[String]) -> Result<Vec<Prefix>> {
    let parse = |text: &String| {
        text.parse()
            .map_err(|()| invalid(format!("{name} has what is no prefix: {text}")))
    };
    texts.iter().map(parse).collect()
}

/// `EngineOptions`.
pub fn options(object: &Object) -> Result<Options> {
    let number = |name: &str, most: f64| whole(name, field(object, name)?, most);
    let address6: Option<String> = optional(object, "address6")?;
    let carried6: Vec<String> = field(object, "carried6")?;
    Ok(Options {
        name: field(object, "name")?,
        mtu: number("mtu", 65_535.0)? as u32,
        gso: field(object, "gso")?,
        queue_length: number("queueLength", 1_000_000.0)? as u32,
        address4: address("address4", &field::<String>(object, "address4")?)?,
        peer4: address("peer4", &field::<String>(object, "peer4")?)?,
        address6: address6
            .map(|text| address("address6", &text))
            .transpose()?,
        carried6: prefixes("carried6", &carried6)?,
        mark: mark(field(object, "mark")?)?,
        max_held: number("maxHeld", 100_000.0)? as usize,
        hijack: hijack(&field(object, "dnsHijack")?)?,
    })
}

/// A `DnsHijack`.
pub fn hijack(object: &Object) -> Result<Hijack> {
    let servers = |name: &str| -> Result<Servers> {
        let of: Object = field(object, name)?;
        Ok(Servers {
            taken: prefixes("taken", &field::<Vec<String>>(&of, "taken")?)?,
            spared: prefixes("spared", &field::<Vec<String>>(&of, "spared")?)?,
        })
    };
    Ok(Hijack {
        udp: servers("udp")?,
        tcp: servers("tcp")?,
    })
}

/// A `Verdict`.
pub fn verdict(object: &Object) -> Result<Verdict> {
    let kind: String = field(object, "kind")?;
    match kind.as_str() {
        "dial" => Ok(Verdict::Dial(dial_plan(object)?)),
        "peek" => Ok(Verdict::Peek(Peek {
            at_least: whole("atLeast", field(object, "atLeast")?, MAX_PEEK)?.max(1) as usize,
            timeout_ms: timeout(field(object, "timeoutMs")?)?,
        })),
        "reject" => {
            let how: String = field(object, "how")?;
            Ok(Verdict::Reject(match how.as_str() {
                "reset" => Rejection::Reset,
                "no-route" => Rejection::NoRoute,
                "unreachable" => Rejection::Unreachable,
                "drop" => Rejection::Drop,
                _ => return Err(invalid(format!("how is unknown: {how}"))),
            }))
        }
        _ => Err(invalid(format!("kind is unknown: {kind}"))),
    }
}

/// An `EchoVerdict`.
pub fn echo_verdict(object: &Object) -> Result<EchoVerdict> {
    let kind: String = field(object, "kind")?;
    match kind.as_str() {
        "direct" => Ok(EchoVerdict::Direct(hops(&field::<Vec<Object>>(
            object, "hops",
        )?)?)),
        "refuse" => {
            let how: String = field(object, "how")?;
            Ok(EchoVerdict::Refuse(match how.as_str() {
                "prohibited" => Refusal::Prohibited,
                "no-route" => Refusal::NoRoute,
                "unreachable" => Refusal::Unreachable,
                "silence" => Refusal::Silent,
                _ => return Err(invalid(format!("how is unknown: {how}"))),
            }))
        }
        _ => Err(invalid(format!("kind is unknown: {kind}"))),
    }
}

/// A dial: of a verdict, or of a stream.
pub fn dial_plan(object: &Object) -> Result<DialPlan> {
    let layers = field::<Vec<Object>>(object, "layers")?;
    if layers.len() > MAX_LAYERS {
        return Err(invalid(format!("layers has more than {MAX_LAYERS}")));
    }
    Ok(DialPlan {
        hops: hops(&field::<Vec<Object>>(object, "hops")?)?,
        port: port("port", field(object, "port")?)?,
        layers: layers.iter().map(layer).collect::<Result<_>>()?,
        timeout_ms: timeout(field(object, "timeoutMs")?)?,
    })
}

/// A `Layer`.
fn layer(object: &Object) -> Result<Layer> {
    let protocol: String = field(object, "protocol")?;
    match protocol.as_str() {
        "socks5" => Ok(Layer::Socks5(socks5(object)?)),
        "http-connect" => Ok(Layer::HttpConnect(http_connect(object)?)),
        "tls" => Ok(Layer::Tls(tls(object)?)),
        "shadowsocks" => Ok(Layer::Shadowsocks(shadowsocks(object)?)),
        "trojan" => Ok(Layer::Trojan(trojan(object)?)),
        "web-socket" => Ok(Layer::WebSocket(WebSocket {
            head: request_head(object, "head")?,
            framed: field(object, "framed")?,
        })),
        _ => Err(invalid(format!("protocol is unknown: {protocol}"))),
    }
}

fn http_connect(object: &Object) -> Result<HttpConnect> {
    Ok(HttpConnect {
        request: request_head(object, "request")?,
    })
}

/// The head of a request, whole or not.
fn request_head(object: &Object, name: &str) -> Result<Vec<u8>> {
    let head = field::<Uint8Array>(object, name)?.to_vec();
    if head.is_empty() || head.len() > MAX_REQUEST {
        return Err(invalid(format!(
            "{name} has no length from 1 to {MAX_REQUEST} bytes"
        )));
    }
    Ok(head)
}

fn tls(object: &Object) -> Result<Tls> {
    let fingerprint: Option<Uint8Array> = optional(object, "fingerprint")?;
    let trust = match fingerprint {
        Some(digest) => Trust::Fingerprint(
            digest
                .as_ref()
                .try_into()
                .map_err(|_| invalid("fingerprint is not 32 bytes"))?,
        ),
        None if field(object, "insecure")? => Trust::Anybody,
        None => Trust::Authorities,
    };
    let alpn: Vec<String> = optional(object, "alpn")?.unwrap_or_default();
    let pem = |name: &str| -> Result<Option<Vec<u8>>> {
        let text: Option<String> = optional(object, name)?;
        Ok(text.map(String::into_bytes))
    };
    let identity = pem("certificate")?.zip(pem("key")?);
    Ok(Tls {
        server_name: field(object, "serverName")?,
        trust,
        alpn: alpn.into_iter().map(String::into_bytes).collect(),
        identity: identity.map(|(certificates, key)| Identity { certificates, key }),
    })
}

fn shadowsocks(object: &Object) -> Result<Shadowsocks> {
    let name: String = field(object, "method")?;
    let method = Method::named(&name).ok_or_else(|| invalid("method is unknown"))?;
    let checked = |key: &Uint8Array| match key.len() == method.key_length() {
        true => Ok(key.to_vec()),
        false => Err(invalid("a key has not the length of its method")),
    };
    let identities: Vec<Uint8Array> = field(object, "identities")?;
    if !identities.is_empty() && !method.has_identities() {
        return Err(invalid("identities are only for AES of 2022"));
    }
    if identities.len() > MAX_IDENTITIES {
        return Err(invalid(format!(
            "identities has more than {MAX_IDENTITIES}"
        )));
    }
    Ok(Shadowsocks {
        node: Node {
            method,
            key: checked(&field(object, "key")?)?,
            identities: identities.iter().map(checked).collect::<Result<_>>()?,
        },
        target: target(object)?,
    })
}

fn trojan(object: &Object) -> Result<Trojan> {
    let key: String = field(object, "key")?;
    if key.len() != 56 || !key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(invalid("key is not 56 hexadecimal digits"));
    }
    Ok(Trojan {
        key,
        target: target(object)?,
    })
}

/// `targetHost` and `targetPort`.
fn target(object: &Object) -> Result<Target> {
    let host = short_text("targetHost", field(object, "targetHost")?)?;
    let port = port("targetPort", field(object, "targetPort")?)?;
    Ok(Target::new(&host, port))
}

fn short_text(name: &str, value: String) -> Result<String> {
    match value.len() {
        1..=MAX_SOCKS_TEXT => Ok(value),
        _ => Err(invalid(format!(
            "{name} has no length from 1 to {MAX_SOCKS_TEXT} bytes"
        ))),
    }
}

fn socks5(object: &Object) -> Result<Socks5> {
    let text = short_text;
    let target = target(object)?;
    let username: Option<String> = optional(object, "username")?;
    let credentials = match username.filter(|name| !name.is_empty()) {
        None => None,
        Some(username) => {
            let password: Option<String> = optional(object, "password")?;
            Some(Credentials {
                username: text("username", username)?,
                // RFC 1929 wants at least one byte, but servers take an empty password as well.
                password: match password {
                    Some(password) if !password.is_empty() => text("password", password)?,
                    _ => String::new(),
                },
            })
        }
    };
    Ok(Socks5 {
        credentials,
        target,
    })
}

/// A list of `Hop`, not empty.
pub fn hops(objects: &[Object]) -> Result<Vec<Hop>> {
    if objects.is_empty() {
        return Err(invalid("hops is empty"));
    }
    objects
        .iter()
        .map(|object| {
            let device: Option<String> = optional(object, "device")?;
            Ok(Hop {
                address: address("address", &field::<String>(object, "address")?)?,
                device: device.filter(|device| !device.is_empty()),
            })
        })
        .collect()
}

/// A `NativeEndpoint`.
pub fn endpoint(object: &Object) -> Result<SocketAddr> {
    let ip: IpAddr = address("address", &field::<String>(object, "address")?)?;
    let port = whole("port", field(object, "port")?, f64::from(u16::MAX))?;
    Ok(SocketAddr::new(ip, port as u16))
}

/// How `close` ends a flow.
pub fn ending(how: &str) -> Result<Ending> {
    match how {
        "graceful" => Ok(Ending::Graceful),
        "reset" => Ok(Ending::Reset),
        _ => Err(invalid(format!("how is unknown: {how}"))),
    }
}
