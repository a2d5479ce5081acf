//! Layers that stay between the bytes of a flow and its socket for as long as the flow lives. A layer is pure: plain bytes in, wire
//! bytes out, and back. It touches no descriptor, and no clock or chance but those it is given. Handshakes that are over before the first byte are no layers.

pub mod datagram;
pub mod outside;
pub mod shadowsocks;
pub mod tls;
mod tls_config;
mod tls_error;
pub mod trojan;
pub mod web_socket;

use crate::event::Failure;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a layer cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub failure: Failure,
    pub message: String,
}

/// How the other side learns that no more bytes follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The layer has said so. What is below stays open: it carries the answers.
    Said,
    /// By the end of what is below.
    Below,
}

/// One layer. After `Broken` it is not asked again.
pub trait Layer: Send {
    /// Puts what is sent first on the wire.
    fn begin(&mut self, wire: &mut Vec<u8>) -> Result<(), Broken>;
    /// Takes all of these bytes of the wire, which it may overwrite. Appends what they mean to `plain`, and what must be said to them
    /// to `wire`.
    fn receive(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> Result<(), Broken>;
    /// Appends the wire form of all of these bytes. Only once it is open. Without any: what it owes, if it does.
    fn send(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> Result<(), Broken>;
    /// No more bytes follow; the other direction goes on.
    fn finish(&mut self, wire: &mut Vec<u8>) -> Result<Finish, Broken>;
    /// The wire has ended: `Broken` if that cuts something off.
    fn cut(&mut self) -> Result<(), Broken> {
        Ok(())
    }
    /// Whether it has something to say that waits, for a short while, for the first plain bytes.
    fn owes(&self) -> bool {
        false
    }
    /// Whether plain bytes can be sent.
    fn is_open(&self) -> bool;
    /// Whether the other side has said that no more bytes follow.
    fn has_ended(&self) -> bool;
}

/// Layers over layers, the one next to the socket first. Without any, bytes pass as they are. A panic in a layer is its `Broken`.
#[derive(Default)]
pub struct Stack {
    layers: Vec<Box<dyn Layer>>,
}

impl Stack {
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Adds the innermost layer, which begins to speak.
    pub fn push(&mut self, mut layer: Box<dyn Layer>, wire: &mut Vec<u8>) -> Result<(), Broken> {
        guarded(|| {
            let mut first = Vec::new();
            layer.begin(&mut first)?;
            send(&mut self.layers, &first, wire)
        })?;
        self.layers.push(layer);
        Ok(())
    }

    /// Takes bytes of the socket; see `Layer::receive`.
    pub fn receive(
        &mut self,
        bytes: &mut [u8],
        plain: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        guarded(|| receive(&mut self.layers, bytes, plain, wire))
    }

    /// Appends what goes to the socket for these bytes.
    pub fn send(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> Result<(), Broken> {
        guarded(|| send(&mut self.layers, plain, wire))
    }

    /// No more bytes follow. `Below`: the socket is to be finished.
    pub fn finish(&mut self, wire: &mut Vec<u8>) -> Result<Finish, Broken> {
        guarded(|| {
            for place in (0..self.layers.len()).rev() {
                let (outer, rest) = self.layers.split_at_mut(place);
                let mut last = Vec::new();
                let finish = rest[0].finish(&mut last)?;
                send(outer, &last, wire)?;
                if finish == Finish::Said {
                    return Ok(Finish::Said);
                }
            }
            Ok(Finish::Below)
        })
    }

    /// The socket has ended; see `Layer::cut`.
    pub fn cut(&mut self) -> Result<(), Broken> {
        guarded(|| self.layers.iter_mut().try_for_each(|layer| layer.cut()))
    }

    /// Whether something waits for the first plain bytes; `send` without any says it.
    pub fn owes(&self) -> bool {
        self.layers.iter().any(|layer| layer.owes())
    }

    /// Whether the innermost layer is open.
    pub fn is_open(&self) -> bool {
        self.layers.last().is_none_or(|layer| layer.is_open())
    }

    /// Whether no more plain bytes can come.
    pub fn has_ended(&self) -> bool {
        self.layers.iter().any(|layer| layer.has_ended())
    }
}

fn receive(
    layers: &mut [Box<dyn Layer>],
    bytes: &mut [u8],
    plain: &mut Vec<u8>,
    wire: &mut Vec<u8>,
) -> Result<(), Broken> {
    match layers {
        [] => {
            plain.extend_from_slice(bytes);
            Ok(())
        }
        [only] => only.receive(bytes, plain, wire),
        [outer, inner @ ..] => {
            let (mut below, mut answers) = (Vec::new(), Vec::new());
            outer.receive(bytes, &mut below, wire)?;
            receive(inner, &mut below, plain, &mut answers)?;
            if answers.is_empty() {
                return Ok(());
            }
            outer.send(&answers, wire)
        }
    }
}

fn send(layers: &mut [Box<dyn Layer>], plain: &[u8], wire: &mut Vec<u8>) -> Result<(), Broken> {
    match layers {
        [] => {
            wire.extend_from_slice(plain);
            Ok(())
        }
        [only] => only.send(plain, wire),
        [outer @ .., innermost] => {
            let mut below = Vec::new();
            innermost.send(plain, &mut below)?;
            send(outer, &below, wire)
        }
    }
}

/// A fault in a layer is the end of its flow, and of no other.
fn guarded<T>(act: impl FnOnce() -> Result<T, Broken>) -> Result<T, Broken> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| {
        Err(Broken {
            failure: Failure::Io,
            message: "internal fault of a layer".to_owned(),
        })
    })
}

#[cfg(test)]
pub mod tests;
