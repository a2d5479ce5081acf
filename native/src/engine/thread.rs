//! Runs an engine on a thread of its own and sees to it that a fault there becomes an event, not a crash.

use crate::command::Command;
use crate::engine::{Engine, Remains};
use crate::event::Event;
use crate::options::Options;
use crate::shared::{Shared, lock};
use crate::sys::process::block_signals;
use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

/// A running engine, or what one that died of an internal fault has left.
pub struct EngineThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    index: u32,
    /// Of an engine that died: the device, for the next one.
    remains: Arc<Mutex<Option<Remains>>>,
}

impl EngineThread {
    /// Creates the device, so that its errors are the caller's, and starts the thread.
    pub fn start(options: Options, shared: Arc<Shared>) -> io::Result<Self> {
        let engine = Engine::new(options, shared.clone())?;
        let index = engine.device_index();
        *lock(&shared.offloads) = engine.offloads().to_owned();
        let mut this = Self {
            shared,
            thread: None,
            index,
            remains: Arc::default(),
        };
        this.spawn(engine)?;
        Ok(this)
    }

    /// Starts another engine with the device of one that died of an internal fault: its routes stay as they are, and packets that
    /// came meanwhile wait in it. `NotFound` if none has died so.
    pub fn revive(&mut self) -> io::Result<()> {
        // The remains are there before the death is told; the thread has little left to do.
        let remains = lock(&self.remains).take().ok_or(io::ErrorKind::NotFound)?;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let engine = Engine::succeed(remains, self.shared.clone())?;
        self.spawn(engine)
    }

    fn spawn(&mut self, mut engine: Engine) -> io::Result<()> {
        let knows_answers = engine.knows_answers();
        self.shared.metrics.knows_answers.set(knows_answers.into());
        let remains = self.remains.clone();
        let thread = Builder::new().name("mirage-engine".into()).spawn(move || {
            block_signals();
            let Some(death) = run_guarded(|| engine.run()) else {
                return drop(engine);
            };
            let left = catch_unwind(AssertUnwindSafe(move || {
                engine.reset_all();
                engine.bury()
            }));
            let Ok((mut outbox, left)) = left else {
                // Dropping it failed as well; nothing can be told any more.
                return;
            };
            let revivable = death.revivable;
            if revivable {
                *lock(&remains) = Some(left);
            } else {
                drop(left);
            }
            let message = death.message;
            outbox.push(Event::Dead { message, revivable });
            outbox.flush();
        })?;
        self.thread = Some(thread);
        Ok(())
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
        lock(&self.remains).take();
    }
}

impl Drop for EngineThread {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Why an engine ended by itself.
#[derive(Debug, PartialEq, Eq)]
struct Death {
    message: String,
    /// An internal fault: the device is as it was.
    revivable: bool,
}

/// Runs to the end and says why it ended by itself; a panic is a reason like any other.
fn run_guarded(run: impl FnOnce() -> io::Result<()>) -> Option<Death> {
    let (message, revivable) = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => (format!("the TUN device is gone: {error}"), false),
        Err(panic) => (format!("internal fault: {}", text_of(panic.as_ref())), true),
    };
    Some(Death { message, revivable })
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
            Some(Death {
                message: "internal fault: boom 7".to_owned(),
                revivable: true,
            })
        );
        let slot: Vec<u8> = Vec::new();
        let reason = run_guarded(|| Err(io::Error::other(format!("{}", slot[3]))));
        assert!(reason.is_some_and(|death| death.message.contains("index out of bounds")));
    }

    #[test]
    fn an_end_that_was_asked_for_has_no_reason_and_a_lost_device_has() {
        assert_eq!(run_guarded(|| Ok(())), None);
        let lost = run_guarded(|| Err(io::Error::from_raw_os_error(libc::EBADFD)));
        assert!(lost.is_some_and(|death| {
            death.message.starts_with("the TUN device is gone") && !death.revivable
        }));
    }
}
