//! System calls and services that Linux alone has: netlink, sock_diag, BPF, epoll, splice, TUN, /proc. `sys` shows these modules
//! as its own; for another system a folder beside this one offers modules of the same names.

pub mod bpf;
pub mod callers;
mod callers_programs;
pub mod conntrack;
mod control;
pub mod datagram;
pub mod epoll;
pub mod interface;
mod known_servers;
pub mod memory;
mod netlink;
pub mod peer_cred;
pub mod pipe;
pub mod process;
pub mod process_files;
pub mod process_lookup;
pub mod route;
pub mod sock_diag;
pub mod spared;
pub mod tun;
