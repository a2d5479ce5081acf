//! Mirage's data plane as a Node addon. The contract is `index.d.ts` beside this folder.

// The functions JavaScript calls are registered only outside of tests; what is really unused shows in a plain build.
#![cfg_attr(test, allow(dead_code))]

mod chain;
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
mod handshake;
mod http_connect;
mod layer;
mod metrics;
mod options;
mod outbound;
mod outbox;
mod pace;
mod packet;
mod pipe_pool;
mod prefix;

mod reactor;
mod relay;
mod shared;
mod slab;
mod socks5;
mod sys;
mod timers;
mod vnet_header;
