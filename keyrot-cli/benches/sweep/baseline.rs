//! The baseline, which is the solution that is often published: one user after the other, with
//! every tagged user's key replaced in each run, and the older of two keys deleted without a check.

use aws_sdk_iam::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_iam::types::AccessKeyMetadata;
use keyrot_aws::emulator::Emulator;
use std::error::Error;
use std::time::{Duration, Instant};

/// What the loop took.
pub(crate) struct Looped {
    /// The time for all users; extrapolated if `tried` is fewer.
    pub(crate) wall: Duration,
    /// The number of users that it was run on.
    pub(crate) tried: usize,
    /// The time if it replaces the keys of only this part of the users, and reads the tags of all.
    pub(crate) part: Duration,
}

/// Runs the loop on the first `most` users. For [`Looped::part`], the keys of `due` of `all` users
/// are replaced.
pub(crate) async fn one_by_one(
    emulator: &Emulator,
    most: usize,
    due: usize,
) -> Result<Looped, Box<dyn Error>> {
    let admin = emulator.admin_credentials();
    let credentials =
        || Credentials::new(admin.key.as_str(), admin.secret.expose(), None, None, "benchmark");
    macro_rules! client {
        ($sdk:ident) => {
            $sdk::Client::from_conf(
                $sdk::Config::builder()
                    .behavior_version(BehaviorVersion::latest())
                    .region(Region::new("us-east-1"))
                    .endpoint_url(emulator.url())
                    .credentials_provider(credentials())
                    .build(),
            )
        };
    }
    let (iam, secrets) = (client!(aws_sdk_iam), client!(aws_sdk_secretsmanager));

    let began = Instant::now();
    let mut users = Vec::new();
    let mut pages = iam.list_users().into_paginator().send();
    while let Some(page) = pages.next().await {
        users.extend(page?.users.into_iter().map(|user| user.user_name));
    }
    let listing = began.elapsed();
    let (mut looking, mut replacing) = (Duration::ZERO, Duration::ZERO);
    let tried = most.min(users.len());
    for user in &users[..tried] {
        let began = Instant::now();
        let tags = iam.list_user_tags().user_name(user).send().await?;
        looking += began.elapsed();
        if tags.tags().iter().any(|tag| tag.key() == "RotateKey" && tag.value() == "True") {
            let began = Instant::now();
            replace(&iam, &secrets, user).await?;
            replacing += began.elapsed();
        }
    }
    let share = |time: Duration, users: usize| time.mul_f64(users as f64 / tried as f64);
    let looking = share(looking, users.len());
    let wall = listing + looking + share(replacing, users.len());
    Ok(Looped { wall, tried, part: listing + looking + share(replacing, due) })
}

async fn replace(
    iam: &aws_sdk_iam::Client,
    secrets: &aws_sdk_secretsmanager::Client,
    user: &str,
) -> Result<(), Box<dyn Error>> {
    let keys = iam.list_access_keys().user_name(user).send().await?.access_key_metadata;
    let oldest = keys.iter().min_by_key(|k| k.create_date().map(|date| date.secs()));
    if let Some(oldest) =
        oldest.filter(|_| keys.len() >= 2).and_then(AccessKeyMetadata::access_key_id)
    {
        iam.delete_access_key().user_name(user).access_key_id(oldest).send().await?;
    }
    let key = iam
        .create_access_key()
        .user_name(user)
        .send()
        .await?
        .access_key
        .ok_or("no key in the answer")?;
    let value = serde_json::json!({ "AccessKeyId": key.access_key_id, "SecretAccessKey": key.secret_access_key });
    let name = format!("/iam/{user}/access_key");
    secrets.put_secret_value().secret_id(name).secret_string(value.to_string()).send().await?;
    Ok(())
}
