//! What layers need of the world, and do not reach for themselves.

use crate::event::Failure;
use crate::layer::Broken;
use ring::rand::{SecureRandom, SystemRandom};
use std::time::{SystemTime, UNIX_EPOCH};

/// Time and chance.
#[derive(Clone, Copy)]
pub struct Outside {
    /// Seconds since 1970.
    pub seconds: fn() -> u64,
    /// Fills the bytes with what nobody can guess.
    pub fill: fn(&mut [u8]) -> Result<(), Broken>,
}

/// This machine's.
pub const SYSTEM: Outside = Outside { seconds, fill };

fn seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn fill(bytes: &mut [u8]) -> Result<(), Broken> {
    SystemRandom::new().fill(bytes).map_err(|_| Broken {
        failure: Failure::Io,
        message: "the kernel has no random bytes".to_owned(),
    })
}
