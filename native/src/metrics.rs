//! Figures about the whole engine, written by its thread and read from any.

use std::sync::atomic::{AtomicU64, Ordering};

/// One figure.
#[derive(Default)]
pub struct Figure(AtomicU64);

impl Figure {
    pub fn add(&self, amount: u64) {
        // One thread writes, so a load and a store do; they are cheaper than an atomic addition.
        self.set(self.get() + amount);
    }

    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Packets and bytes as the TUN device saw them ("in" = from programs), and table sizes.
#[derive(Default)]
pub struct Metrics {
    pub packets_in: Figure,
    pub packets_out: Figure,
    pub bytes_in: Figure,
    pub bytes_out: Figure,
    pub dropped: Figure,
    pub held: Figure,
    pub tcp_flows: Figure,
    /// Connections refused for want of a place, and those that gave one to somebody who had less.
    pub tcp_refused: Figure,
    pub tcp_gave_way: Figure,
    pub udp_flows: Figure,
    /// Descriptors of outward UDP sockets.
    pub udp_sockets: Figure,
    /// UDP flows that were ended to make room, and datagrams that opened none for want of it.
    pub udp_gave_way: Figure,
    pub udp_refused: Figure,
    /// Datagrams of UDP servers on this machine that were sent on as answers.
    pub udp_answers: Figure,
    /// 1 if they are told from what programs send by themselves.
    pub knows_answers: Figure,
}
