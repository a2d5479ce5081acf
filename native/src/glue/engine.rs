//! Class `Engine` of the addon.

use crate::command::Command;
use crate::counters::{Counters, SLOTS};
use crate::dns::Answers;
use crate::engine::thread::EngineThread;
use crate::glue::arguments;
use crate::glue::error::{Result, invalid, missing, mistyped, system};
use crate::glue::events::Batch;
use crate::shared::{Shared, lock};
use napi::bindgen_prelude::{
    BigUint64ArraySlice, Function, JsValue, Object, ObjectFinalize, ObjectRef, Uint8Array, Unknown,
};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;
use std::io;
use std::sync::{Arc, Mutex};

/// Calls `onEvents` on the JavaScript thread. It keeps Node alive for as long as it is there.
type Announcer = ThreadsafeFunction<(), Unknown<'static>, Batch, Status, false>;

/// An engine and its way to JavaScript.
#[napi(custom_finalize)]
pub struct Engine {
    thread: EngineThread,
    shared: Arc<Shared>,
    announcer: Arc<Mutex<Option<Announcer>>>,
    name: String,
    counters: Option<ObjectRef<false>>,
}

#[napi(object)]
pub struct DeviceInfo {
    pub name: String,
    pub index: u32,
}

#[napi(object)]
pub struct MetricsInfo {
    pub offloads: String,
    pub packets_in: f64,
    pub packets_out: f64,
    pub bytes_in: f64,
    pub bytes_out: f64,
    pub dropped: f64,
    pub held: f64,
    pub tcp_flows: f64,
    pub tcp_refused: f64,
    pub tcp_gave_way: f64,
    pub udp_flows: f64,
    pub udp_sockets: f64,
    pub udp_gave_way: f64,
    pub udp_refused: f64,
    pub udp_answers: f64,
    pub knows_answers: bool,
}

#[napi]
impl Engine {
    #[napi(constructor, catch_unwind)]
    pub fn new(options: Object, on_events: Function<Batch, Unknown<'static>>) -> Result<Self> {
        let options = arguments::options(&options)?;
        let announcer: Arc<Mutex<Option<Announcer>>> = Arc::default();
        let announce = {
            let announcer = announcer.clone();
            move || {
                if let Some(announcer) = lock(&announcer).as_ref() {
                    announcer.call((), ThreadsafeFunctionCallMode::NonBlocking);
                }
            }
        };
        let shared =
            Arc::new(Shared::new(Box::new(announce)).map_err(|error| system("eventfd", &error))?);
        let source = shared.clone();
        let function = on_events
            .build_threadsafe_function::<()>()
            .build_callback(move |_| Ok(Batch(source.begin_turn())))
            .map_err(mistyped)?;
        *lock(&announcer) = Some(function);

        let name = options.name.clone();
        let what = format!("TUN device {name}");
        let thread = EngineThread::start(options, shared.clone()).map_err(|error| {
            lock(&announcer).take();
            system(&what, &error)
        })?;
        Ok(Self {
            thread,
            shared,
            announcer,
            name,
            counters: None,
        })
    }

    #[napi(catch_unwind)]
    pub fn device(&self) -> DeviceInfo {
        DeviceInfo {
            name: self.name.clone(),
            index: self.thread.device_index(),
        }
    }

    #[napi(catch_unwind)]
    pub fn decide(&self, id: f64, verdict: Object) -> Result<()> {
        let id = flow_id(id)?;
        let verdict = arguments::verdict(&verdict)?;
        self.post(Command::Decide { id, verdict });
        Ok(())
    }

    #[napi(catch_unwind)]
    pub fn decide_echo(&self, id: f64, verdict: Object) -> Result<()> {
        let id = flow_id(id)?;
        let verdict = arguments::echo_verdict(&verdict)?;
        self.post(Command::DecideEcho { id, verdict });
        Ok(())
    }

    #[napi(catch_unwind)]
    pub fn close(&self, id: f64, how: String) -> Result<()> {
        let (id, ending) = (flow_id(id)?, arguments::ending(&how)?);
        self.post(Command::Close { id, ending });
        Ok(())
    }

    #[napi(catch_unwind)]
    pub fn answer_dns(&self, answers: Uint8Array) -> Result<()> {
        if Answers(&answers).any(|answer| answer.is_err()) {
            return Err(invalid("the answers are not whole"));
        }
        let answers = answers.to_vec();
        self.post(Command::AnswerDns { answers });
        Ok(())
    }

    #[napi(catch_unwind)]
    pub fn carry6(&self, prefixes: Vec<String>) -> Result<()> {
        let prefixes = arguments::prefixes("prefixes", &prefixes)?;
        self.post(Command::Carry6 { prefixes });
        Ok(())
    }

    #[napi(catch_unwind)]
    pub fn set_mtu(&self, mtu: f64) -> Result<()> {
        let mtu = arguments::whole("mtu", mtu, 65_535.0)? as u32;
        self.post(Command::SetMtu { mtu });
        Ok(())
    }

    #[napi(catch_unwind)]
    pub fn hijack_dns(&self, servers: Object) -> Result<()> {
        let hijack = arguments::hijack(&servers)?;
        self.post(Command::HijackDns { hijack });
        Ok(())
    }

    #[napi(catch_unwind)]
    pub fn review(&self) {
        self.post(Command::Review);
    }

    #[napi(catch_unwind)]
    pub fn counters<'env>(&mut self, env: &'env Env) -> Result<Object<'env>> {
        if self.counters.is_none() {
            let array = counters_array(env, self.shared.clone()).map_err(mistyped)?;
            let object = array.coerce_to_object().map_err(mistyped)?;
            self.counters = Some(object.create_ref().map_err(mistyped)?);
        }
        let Some(counters) = &self.counters else {
            return Err(invalid("no counters"));
        };
        counters.get_value(env).map_err(mistyped)
    }

    #[napi(catch_unwind)]
    pub fn metrics(&self) -> MetricsInfo {
        let metrics = &self.shared.metrics;
        MetricsInfo {
            offloads: lock(&self.shared.offloads).clone(),
            packets_in: metrics.packets_in.get() as f64,
            packets_out: metrics.packets_out.get() as f64,
            bytes_in: metrics.bytes_in.get() as f64,
            bytes_out: metrics.bytes_out.get() as f64,
            dropped: metrics.dropped.get() as f64,
            held: metrics.held.get() as f64,
            tcp_flows: metrics.tcp_flows.get() as f64,
            tcp_refused: metrics.tcp_refused.get() as f64,
            tcp_gave_way: metrics.tcp_gave_way.get() as f64,
            udp_flows: metrics.udp_flows.get() as f64,
            udp_sockets: metrics.udp_sockets.get() as f64,
            udp_gave_way: metrics.udp_gave_way.get() as f64,
            udp_refused: metrics.udp_refused.get() as f64,
            udp_answers: metrics.udp_answers.get() as f64,
            knows_answers: metrics.knows_answers.get() != 0,
        }
    }

    #[napi(catch_unwind)]
    pub fn ready(&self) {
        self.shared.ready();
    }

    #[napi(catch_unwind)]
    pub fn revive(&mut self) -> Result<()> {
        self.thread.revive().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing("no engine has died that could be revived"),
            _ => system("another engine", &error),
        })
    }

    #[napi(catch_unwind)]
    pub fn stop(&mut self) {
        self.thread.stop();
        self.shared.ready();
        // Calls that wait already are still made; after them Node may end.
        lock(&self.announcer).take();
    }

    fn post(&self, command: Command) {
        if self.thread.is_running() {
            self.shared.post_command(command);
        }
    }
}

impl ObjectFinalize for Engine {
    /// A reference is not given back by dropping it; the counters' memory and all it shares would stay for ever.
    fn finalize(self, env: Env) -> napi::Result<()> {
        match self.counters {
            Some(counters) => counters.unref(&env),
            None => Ok(()),
        }
    }
}

fn flow_id(value: f64) -> Result<u64> {
    arguments::whole("id", value, 9_007_199_254_740_991.0)
}

/// An array over the counters' memory, which lives until the array is collected.
fn counters_array(env: &Env, shared: Arc<Shared>) -> napi::Result<BigUint64ArraySlice<'_>> {
    let cells = Counters::cells(&shared.counters).as_ptr().cast_mut().cast();
    // SAFETY: the memory holds SLOTS * 3 plain 64-bit atomics and is kept alive by `shared`, which the finaliser drops.
    unsafe {
        BigUint64ArraySlice::from_external(env, cells, SLOTS * 3, shared, |_, shared| drop(shared))
    }
}
