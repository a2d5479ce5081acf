//! Runs an engine on a thread of its own and sees to it that a fault there becomes an event, not a crash.

use crate::command::Command;
use crate::engine::Engine;
use crate::options::Options;
use crate::shared::{Shared, lock};
use crate::sys::process::block_signals;
use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// A running engine.
pub struct EngineThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    index: u32,
}

impl EngineThread {
    /// Creates the device, so that its errors are the caller's, and starts the thread.
    pub fn start(options: Options, shared: Arc<Shared>) -> io::Result<Self> {
        let mut engine = Engine::new(options, shared.clone())?;
        let index = engine.device_index();
        *lock(&shared.offloads) = engine.offloads().to_owned();
        let knows_answers = engine.knows_answers();
        shared.metrics.knows_answers.set(knows_answers.into());
        let thread = Builder::new().name("mirage-engine".into()).spawn(move || {
            block_signals();
            let message = run_guarded(|| engine.run());
            let _ = catch_unwind(AssertUnwindSafe(move || {
                if let Some(message) = message {
                    engine.die(message);
                }
                drop(engine);
            }));
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
            index,
        })
    }

    /// Index of the device.
    pub fn device_index(&self) -> u32 {
        self.index
    }

    /// Whether `stop` was not called yet.
    pub fn is_running(&self) -> bool {
        self.thread.is_some()
    }

    /// Ends the engine and waits until its device and thread are gone. Later calls do nothing.
    pub fn stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.shared.post_command(Command::Stop);
            let _ = thread.join();
        }
    }
}

impl Drop for EngineThread {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs to the end and says why it ended by itself; a panic is a reason like any other.
fn run_guarded(run: impl FnOnce() -> io::Result<()>) -> Option<String> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("the TUN device is gone: {error}")),
        Err(panic) => Some(format!("internal fault: {}", text_of(panic.as_ref()))),
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        return text;
    }
    panic
        .downcast_ref::<String>()
        .map_or("panic", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_reason_and_goes_no_further() {
        assert_eq!(
            run_guarded(|| panic!("boom {}", 7)),
            Some("internal fault: boom 7".to_owned())
        );
        let slot: Vec<u8> = Vec::new();
        let reason = run_guarded(|| Err(io::Error::other(format!("{}", slot[3]))));
        assert!(reason.is_some_and(|text| text.contains("index out of bounds")));
    }

    #[test]
    fn an_end_that_was_asked_for_has_no_reason_and_a_lost_device_has() {
        assert_eq!(run_guarded(|| Ok(())), None);
        let lost = run_guarded(|| Err(io::Error::from_raw_os_error(libc::EBADFD)));
        assert!(lost.is_some_and(|text| text.starts_with("the TUN device is gone")));
    }
}
