//! How durations are written for people.

/// `serde` for durations as people write them: `90d`, `12h 30m`, `2s`.
pub(crate) mod duration {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::time::Duration;

    pub(crate) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(text.trim()).map_err(|e| {
            D::Error::custom(format!("{text:?} is no duration ({e}); expected for example 90d, 12h or 30m"))
        })
    }
}
