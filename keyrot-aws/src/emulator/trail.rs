//! CloudTrail: `LookupEvents` by the attribute `AccessKeyId`, from the account's trail.

use super::auth::{self, Caller, Signature};
use super::reply::{Output, Refused};
use super::request::{ApiCall, Parameters};
use keyrot_core::memory::{TrailedUse, World};
use keyrot_core::model::UseEvent;
use keyrot_core::{KeyId, Timestamp, UserArn};
use serde_json::{Map, Value, json};

/// The largest page (CloudTrail API reference, `LookupEvents`, parameter `MaxResults`).
const PAGE: usize = 50;
/// How far back the event history goes (CloudTrail user guide, "Working with CloudTrail event
/// history").
const HISTORY: chrono::TimeDelta = chrono::TimeDelta::days(90);

/// Records a user's call. The administrator has no key in the account, so there is nothing to look
/// up.
pub(super) fn note(call: &ApiCall, caller: &Caller, refused: Option<&Refused>, world: &mut World) {
    let (Caller::User(_), Some(signature)) = (caller, Signature::read(&call.head)) else { return };
    let Ok(key) = KeyId::parse(signature.key) else { return };
    let agent = call
        .head
        .headers
        .get("user-agent")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let error = refused.map(|refused| refused.code_of(call.service));
    let what = TrailedUse {
        service: call.service.prefix(),
        action: call.action,
        region: auth::region(call),
        address: "127.0.0.1",
        agent,
        error,
        role: call.text("RoleArn"),
    };
    world.note_use(&key, &what);
}

pub(super) fn answer(call: &ApiCall, world: &World, longest: usize) -> Result<Output, Refused> {
    let key = key(call)?;
    let since =
        time(call, "StartTime")?.unwrap_or(world.now() - HISTORY).max(world.now() - HISTORY);
    let until = time(call, "EndTime")?.unwrap_or(world.now());
    if since > until {
        let message = "The start time must be before the end time.";
        return Err(Refused::new("InvalidTimeRangeException", message));
    }
    let most = call.number("MaxResults", PAGE, PAGE).map_err(|_| {
        Refused::new("InvalidMaxResultsException", "A number of results must be between 1 and 50.")
    })?;
    let from: usize = match call.text("NextToken") {
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|n| n.parse().ok())
            .ok_or_else(|| Refused::new("InvalidNextTokenException", "The token is not valid."))?,
    };
    let fits = |event: &&UseEvent| event.at <= until;
    let all: Vec<&UseEvent> =
        world.uses_of(&key, auth::region(call), since).into_iter().filter(fits).collect();
    let owner = world.users().find(|user| user.key(&key).is_some()).map(|user| &user.arn);
    let events: Vec<Value> = all
        .iter()
        .skip(from)
        .take(most.min(longest))
        .map(|event| shown(event, &key, owner, world.account()))
        .collect();
    let next = from + events.len();
    let mut answer = json!({ "Events": events });
    if next < all.len() {
        answer["NextToken"] = json!(format!("page-{next}"));
    }
    Ok(Output::Json(answer))
}

/// Returns the requested key. Attributes other than its id are not supported.
pub(super) fn key(call: &ApiCall) -> Result<KeyId, Refused> {
    let wrong = |message: &str| Refused::new("InvalidLookupAttributesException", message);
    let Parameters::Json(fields) = &call.parameters else {
        return Err(wrong("There is no lookup attribute."));
    };
    let attributes = fields.get("LookupAttributes").and_then(Value::as_array);
    let Some([attribute]) = attributes.map(Vec::as_slice) else {
        return Err(wrong("This emulator takes exactly one lookup attribute, AccessKeyId."));
    };
    let text = |name: &str| attribute.get(name).and_then(Value::as_str);
    match (text("AttributeKey"), text("AttributeValue")) {
        (Some("AccessKeyId"), Some(id)) => {
            KeyId::parse(id).map_err(|error| wrong(&error.to_string()))
        }
        _ => Err(wrong("This emulator takes exactly one lookup attribute, AccessKeyId.")),
    }
}

fn time(call: &ApiCall, name: &str) -> Result<Option<Timestamp>, Refused> {
    let Parameters::Json(fields) = &call.parameters else { return Ok(None) };
    let Some(value) = fields.get(name) else { return Ok(None) };
    // Times are in whole seconds here.
    let seconds = value.as_i64().or_else(|| value.to_string().split('.').next()?.parse().ok());
    let at = seconds.and_then(|seconds| Timestamp::from_timestamp(seconds, 0));
    at.map(Some)
        .ok_or_else(|| Refused::new("InvalidTimeRangeException", format!("{name} is not a time.")))
}

/// Returns an event with its record, as in CloudTrail's documentation.
fn shown(event: &UseEvent, key: &KeyId, owner: Option<&UserArn>, account: &str) -> Value {
    let at = event.at.format("%FT%TZ").to_string();
    let source = format!("{}.amazonaws.com", event.service);
    let read_only = ["Get", "List", "Describe", "Lookup"]
        .iter()
        .any(|word| event.action.as_str().starts_with(word));
    let user = owner.map(|arn| arn.name().to_string()).unwrap_or_default();
    let arn = owner.map(ToString::to_string).unwrap_or_default();
    let mut record: Map<String, Value> = Map::new();
    let fields = json!({
        "eventVersion": "1.11",
        "userIdentity": { "type": "IAMUser", "principalId": "AIDAEMULATOR00000001", "arn": arn, "accountId": account,
                          "accessKeyId": key.as_str(), "userName": user },
        "eventTime": at,
        "eventSource": source,
        "eventName": event.action.as_str(),
        "awsRegion": event.region.as_str(),
        "sourceIPAddress": event.address.as_ref().map(|text| text.as_str()),
        "userAgent": event.agent.as_ref().map(|text| text.as_str()),
        "requestParameters": event.role.as_ref().map(|role| json!({ "roleArn": role.as_str() })),
        "responseElements": null,
        "requestID": event.id.as_str(),
        "eventID": event.id.as_str(),
        "readOnly": read_only,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": account,
        "eventCategory": "Management",
    });
    if let Value::Object(fields) = fields {
        record.extend(fields);
    }
    if let Some(error) = &event.error {
        record.insert("errorCode".to_owned(), json!(error.as_str()));
    }
    json!({
        "EventId": event.id.as_str(),
        "EventName": event.action.as_str(),
        "EventTime": event.at.timestamp(),
        "EventSource": source,
        "AccessKeyId": key.as_str(),
        "Username": user,
        "ReadOnly": read_only.to_string(),
        "Resources": [],
        "CloudTrailEvent": Value::Object(record).to_string(),
    })
}
