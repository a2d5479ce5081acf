//! Mirage's data plane as a Node addon. The contract is `index.d.ts` beside this folder.

// The functions JavaScript calls are registered only outside of tests; what is really unused shows in a plain build.
#![cfg_attr(test, allow(dead_code))]

mod callers;
mod callers_programs;
mod command;
mod counters;
mod dial;
mod dns;
mod egress;
mod engine;
mod event;
#[cfg(test)]
mod fuzz;
mod glue;
mod held_syn;
mod metrics;
mod nat;
mod netlink;
mod options;
mod outbound;
mod outbox;
mod packet;
mod peer_cred;
mod prefix;
mod process_lookup;
mod reactor;
mod relay;
mod route;
mod shared;
mod slab;
mod sock_diag;
mod socks5;
mod sys;
mod timers;
mod tun;
mod vnet_header;
