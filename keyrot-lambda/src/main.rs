//! keyrot as an AWS Lambda function: a scheduled pass over all selected users, and Secrets
//! Manager's rotation function.
//!
//! This crate makes no decisions: an event is parsed, the ports are built, the core is called, and
//! the outcome is reported. Settings come from `KEYROT_*` in the environment and, if
//! `KEYROT_CONFIG_PARAMETER` names one, from a TOML text in SSM Parameter Store. The answer is the
//! document of `keyrot rotate --json`. An invocation in which a user failed fails as a whole, so
//! that Lambda's metric `Errors` is right; a blocked user is not an error of the function, and has
//! its own metric.

mod answer;
mod function;
mod load;
mod logs;
mod metrics;
mod request;

use function::{Function, Invocation};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::sync::OnceCell;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logs::begin();
    // The first invocation creates this, so that errors in the settings become its named error, and
    // the process starts immediately.
    let function: OnceCell<Function> = OnceCell::new();
    let function = &function;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<Value>| {
        let invocation = Invocation {
            request_id: event.context.request_id.clone(),
            function: event.context.env_config.function_name.clone(),
            end: event.context.deadline().into(),
        };
        let function = function.get_or_try_init(load::function).await?;
        function.handle(event.payload, &invocation).await.map_err(Diagnostic::from)
    }))
    .await
}
