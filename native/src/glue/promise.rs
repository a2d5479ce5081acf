//! Promises settled from other threads, with `code` on their errors.

use crate::glue::error::code_of;
use napi::bindgen_prelude::{JsObjectValue, JsValue, Object, ToNapiValue};
use napi::{Env, Error, JsDeferred, Result};
use std::io;

type Settle<T> = Box<dyn FnOnce(Env) -> Result<T>>;

/// The settling end of a promise.
pub struct Promise<T: ToNapiValue>(JsDeferred<T, Settle<T>>);

impl<T: ToNapiValue + 'static> Promise<T> {
    /// The settling end and the promise.
    pub fn new(env: &Env) -> Result<(Self, Object<'_>)> {
        let (deferred, object) = env.create_deferred()?;
        Ok((Self(deferred), object))
    }

    /// Resolves with what `make` gives; it is dropped uncalled if the JavaScript side has gone.
    pub fn resolve(self, make: impl FnOnce() -> T + Send + 'static) {
        self.0.resolve(Box::new(move |_| Ok(make())));
    }

    /// Rejects with a system error.
    pub fn reject(self, error: io::Error) {
        self.0.resolve(Box::new(move |env| {
            let code = code_of(&error);
            let mut object = env.create_error(Error::from_reason(format!("{code}: {error}")))?;
            object.set_named_property("code", code)?;
            Err(Error::from(object.to_unknown()))
        }));
    }
}
