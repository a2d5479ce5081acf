//! Promises settled from other threads.

use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, JsDeferred, Result};

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
}
