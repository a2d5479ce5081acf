//! TLS 1.2 and 1.3 as a client (RFC 5246, RFC 8446), by rustls: records in, plain bytes out, and back.

use crate::event::Failure;
use crate::layer::tls_config::config_of;
use crate::layer::tls_error::broken;
use crate::layer::{Broken, Finish, Layer};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};

/// What one node's TLS is like.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tls {
    /// Told to the server, and what its certificate must be good for.
    pub server_name: String,
    pub trust: Trust,
    /// Protocols that are offered (RFC 7301), the best first.
    pub alpn: Vec<Vec<u8>>,
    pub identity: Option<Identity>,
}

/// When a server is believed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Its certificate leads to a known authority and is good for the name.
    Authorities,
    /// Its certificate has this SHA-256, or leads to one that has, which it shows as well.
    Fingerprint([u8; 32]),
    /// Whatever it shows.
    Anybody,
}

/// A client certificate: PEM of the chain and of the key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    pub certificates: Vec<u8>,
    pub key: Vec<u8>,
}

/// The plain bytes of a record (RFC 8446, 5.1), and what a record adds to them at most (5.2, with its header).
const RECORD: usize = 16 * 1024;
const OVERHEAD: usize = 256 + 5;
/// Bytes of messages that have not come whole: handshake messages have 64 KiB at most.
const MAX_REST: usize = 96 * 1024;

/// One connection.
pub struct TlsLayer {
    connection: UnbufferedClientConnection,
    /// Bytes of records, and of handshake messages, that have not come whole.
    rest: Vec<u8>,
    is_open: bool,
    has_ended: bool,
}

impl TlsLayer {
    /// Sessions are resumed with servers of the same name that the same is asked of.
    pub fn new(tls: &Tls) -> Result<Self, Broken> {
        let name = ServerName::try_from(tls.server_name.clone()).map_err(|_| Broken {
            failure: Failure::TlsName,
            message: "the server name cannot be one".to_owned(),
        })?;
        let connection = UnbufferedClientConnection::new(config_of(tls)?, name);
        Ok(Self {
            connection: connection.map_err(|error| broken(&error))?,
            rest: Vec::new(),
            is_open: false,
            has_ended: false,
        })
    }

    /// Works through bytes of the wire; how many are done with.
    fn process(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> Result<usize, Broken> {
        let mut done = 0;
        loop {
            let UnbufferedStatus { mut discard, state } =
                self.connection.process_tls_records(&mut bytes[done..]);
            let mut waits = false;
            match state.map_err(|error| broken(&error))? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(|error| broken(&error))?;
                        discard += record.discard;
                        plain.extend_from_slice(record.payload);
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    append(wire, OVERHEAD, |room| match data.encode(room) {
                        Err(EncodeError::InsufficientSize(size)) => Err(size.required_size),
                        other => Ok(other.unwrap_or(0)),
                    });
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => self.has_ended = true,
                ConnectionState::WriteTraffic(_) => {
                    self.is_open = true;
                    waits = true;
                }
                // Nothing is sent early.
                ConnectionState::BlockedHandshake
                | ConnectionState::Closed
                | ConnectionState::ReadEarlyData(_)
                | _ => waits = true,
            }
            done += discard;
            if waits {
                return Ok(done);
            }
        }
    }

    /// Writes while the connection lets us; `write` is given room and says how much it has filled, or how much it needs.
    fn write(
        &mut self,
        wire: &mut Vec<u8>,
        needs: usize,
        mut write: impl FnMut(
            &mut rustls::unbuffered::WriteTraffic<'_, rustls::client::ClientConnectionData>,
            &mut [u8],
        ) -> Result<usize, EncryptError>,
    ) -> Result<(), Broken> {
        loop {
            // What has not come whole stays where it is: it means nothing yet.
            let status = self.connection.process_tls_records(&mut self.rest);
            match status.state.map_err(|error| broken(&error))? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    let mut exhausted = false;
                    append(wire, needs, |room| match write(&mut traffic, room) {
                        Err(EncryptError::InsufficientSize(size)) => Err(size.required_size),
                        Err(EncryptError::EncryptExhausted) => {
                            exhausted = true;
                            Ok(0)
                        }
                        Ok(count) => Ok(count),
                    });
                    return if exhausted { Err(worn_out()) } else { Ok(()) };
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    append(wire, OVERHEAD, |room| match data.encode(room) {
                        Err(EncodeError::InsufficientSize(size)) => Err(size.required_size),
                        other => Ok(other.unwrap_or(0)),
                    });
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => self.has_ended = true,
                _ => return Err(worn_out()),
            }
        }
    }
}

impl Layer for TlsLayer {
    fn begin(&mut self, wire: &mut Vec<u8>) -> Result<(), Broken> {
        self.process(&mut [], &mut Vec::new(), wire).map(|_| ())
    }

    fn receive(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        if self.rest.is_empty() {
            let done = self.process(bytes, plain, wire)?;
            self.rest.extend_from_slice(&bytes[done..]);
        } else {
            let mut all = std::mem::take(&mut self.rest);
            all.extend_from_slice(bytes);
            let done = self.process(&mut all, plain, wire)?;
            all.drain(..done);
            // An idle connection keeps no buffer.
            self.rest = if all.is_empty() { Vec::new() } else { all };
        }
        if self.has_ended {
            // What follows the end is nothing (RFC 8446, 6.1).
            self.rest = Vec::new();
        }
        if self.rest.len() > MAX_REST {
            return Err(Broken {
                failure: Failure::TlsFailed,
                message: "a TLS message is too long".to_owned(),
            });
        }
        Ok(())
    }

    fn send(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> Result<(), Broken> {
        if plain.is_empty() {
            return Ok(());
        }
        let needs = plain.len() + (plain.len() / RECORD + 1) * 32;
        self.write(wire, needs, |traffic, room| traffic.encrypt(plain, room))
    }

    fn finish(&mut self, wire: &mut Vec<u8>) -> Result<Finish, Broken> {
        self.write(wire, OVERHEAD, |traffic, room| {
            traffic.queue_close_notify(room)
        })
        .map(|()| Finish::Said)
    }

    fn is_open(&self) -> bool {
        self.is_open
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }
}

fn worn_out() -> Broken {
    Broken {
        failure: Failure::TlsFailed,
        message: "the TLS connection can send no more".to_owned(),
    }
}

/// Appends what `fill` writes into room that it is given; `Err` tells how much it needs.
fn append(
    wire: &mut Vec<u8>,
    guess: usize,
    mut fill: impl FnMut(&mut [u8]) -> Result<usize, usize>,
) {
    let before = wire.len();
    let mut room = guess;
    loop {
        wire.resize(before + room, 0);
        match fill(&mut wire[before..]) {
            Ok(filled) => return wire.truncate(before + filled),
            // It never wants less than it was given.
            Err(needs) => room = needs.max(room + 1),
        }
    }
}

#[cfg(test)]
mod tests;
