//! The addon's JavaScript face: converts values, and lets neither a panic nor an unnamed error through.

mod arguments;
mod carried;
mod engine;
mod error;
mod events;
mod functions;
mod promise;
