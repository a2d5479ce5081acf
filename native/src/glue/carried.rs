//! Streams that are kept for clients of JavaScript and carried between the two.

use crate::event::{DialFault, DialReport};
use crate::glue::arguments;
use crate::glue::error::{Result, invalid, mistyped, system};
use crate::glue::events::{attempt_list, reason_name, set_fault};
use crate::glue::promise::Promise;
use crate::reactor::carried::{Carried, End};
use crate::reactor::{self, Closing, Kept};
use napi::bindgen_prelude::{Object, ToNapiValue, Uint8Array};
use napi::{Env, sys as napi_sys};
use napi_derive::napi;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// `KeptStream`, or why there is none.
pub struct KeptOutcome(std::result::Result<Kept, DialFault>, DialReport);

impl ToNapiValue for KeptOutcome {
    unsafe fn to_napi_value(
        raw: napi_sys::napi_env,
        Self(outcome, report): Self,
    ) -> napi::Result<napi_sys::napi_value> {
        let env = Env::from_raw(raw);
        let mut object = Object::new(&env)?;
        object.set("ok", outcome.is_ok())?;
        object.set("ms", report.ms as f64)?;
        if !report.attempts.is_empty() {
            object.set("attempts", attempt_list(&env, &report.attempts)?)?;
        }
        match outcome {
            Ok(kept) => {
                object.set("stream", kept.number as f64)?;
                object.set("address", kept.peer.ip().to_string())?;
                object.set("local", kept.local.to_string())?;
            }
            Err(fault) => set_fault(&mut object, fault)?,
        }
        // SAFETY: the environment is the one the object was made in.
        unsafe { Object::to_napi_value(raw, object) }
    }
}

#[napi(catch_unwind)]
pub fn keep_stream<'env>(env: &'env Env, plan: Object, mark: f64) -> Result<Object<'env>> {
    let plan = arguments::dial_plan(&plan)?;
    let mark = arguments::mark(mark)?;
    let (promise, object) = Promise::<KeptOutcome>::new(env).map_err(mistyped)?;
    let done = Box::new(move |outcome, report| {
        promise.resolve(move || KeptOutcome(outcome, report));
    });
    reactor::keep_stream(plan, mark, done);
    Ok(object)
}

#[napi(catch_unwind)]
pub fn close_stream(stream: f64, how: String) -> Result<()> {
    let how = match how.as_str() {
        "graceful" => Closing::Graceful,
        "reset" => Closing::Reset,
        "rerouted" => Closing::Rerouted,
        _ => return Err(invalid(format!("no way to close a stream: {how}"))),
    };
    reactor::close(number_of(stream)?, how);
    Ok(())
}

/// The stream of a client, carried.
#[napi]
pub struct CarriedStream(Arc<Carried>);

#[napi(object)]
pub struct CarriedBytes {
    pub up: f64,
    pub down: f64,
    pub first_byte_ms: Option<f64>,
}

/// `CarriedEnd`.
pub struct CarriedEnd(End);

impl ToNapiValue for CarriedEnd {
    unsafe fn to_napi_value(
        raw: napi_sys::napi_env,
        Self(end): Self,
    ) -> napi::Result<napi_sys::napi_value> {
        let env = Env::from_raw(raw);
        let mut object = Object::new(&env)?;
        object.set("up", end.bytes.0 as f64)?;
        object.set("down", end.bytes.1 as f64)?;
        if let Some(ms) = end.first_byte {
            object.set("firstByteMs", ms as f64)?;
        }
        object.set("reason", reason_name(end.reason))?;
        // SAFETY: the environment is the one the object was made in.
        unsafe { Object::to_napi_value(raw, object) }
    }
}

#[napi]
impl CarriedStream {
    /// The descriptor stays the caller's, to be closed.
    #[napi(constructor, catch_unwind)]
    pub fn new(stream: f64, client: i32, first: Uint8Array) -> Result<Self> {
        let number = number_of(stream)?;
        if client < 0 {
            return Err(invalid("no descriptor of a client"));
        }
        // SAFETY: it is only borrowed for the copy that is made of it here.
        let borrowed = unsafe { BorrowedFd::borrow_raw(client) };
        let client = borrowed
            .try_clone_to_owned()
            .map_err(|error| system("client's socket", &error))?;
        Ok(Self(reactor::carry(number, client, first.to_vec())))
    }

    #[napi(catch_unwind)]
    pub fn bytes(&self) -> CarriedBytes {
        let (up, down) = self.0.bytes();
        CarriedBytes {
            up: up as f64,
            down: down as f64,
            first_byte_ms: self.0.first_byte().map(|ms| ms as f64),
        }
    }

    #[napi(catch_unwind)]
    pub fn ended<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let (promise, object) = Promise::<CarriedEnd>::new(env).map_err(mistyped)?;
        self.0.on_end(Box::new(move |end| {
            promise.resolve(move || CarriedEnd(end))
        }));
        Ok(object)
    }
}

fn number_of(stream: f64) -> Result<u64> {
    arguments::whole("stream", stream, 9_007_199_254_740_991.0)
}
