//! The cases for IAM.

use super::case::{CaseResult, Checked, Miss, cases, fail, hides, holds, refused, same};
use super::lab::Lab;
use crate::model::error::ErrorKind;
use crate::model::home::{HOME_TAG, SecretArn};
use crate::model::names::{KeyId, UserArn, UserName};
use crate::model::observed::{AccessKey, KeyStatus, LastUse};
use crate::model::user::IamUser;
use crate::ports::IamPort;

struct StoreFixture<'a> {
    port: &'a dyn IamPort,
    lab: &'a dyn Lab,
}

/// Runs all cases for an [`IamPort`].
pub async fn iam(port: &dyn IamPort, lab: &dyn Lab) -> Vec<CaseResult> {
    let fixture = &StoreFixture { port, lab };
    cases!["iam", fixture;
        two_keys_at_most as two_keys_at_most,
        a_key_from_making_to_deletion as a_key_from_making_to_deletion,
        deactivating_twice as deactivating_twice_is_no_error,
        off_and_on as a_key_is_reactivated,
        deleting_twice as deleting_twice_is_no_error,
        created_is_plausible as created_is_plausible,
        two_makings_make_two_keys as two_makings_make_two_keys,
        no_such_user_list as listing_keys_of_no_user_is_not_found,
        no_such_user_create as making_a_key_for_no_user_is_not_found,
        no_such_key as deactivating_no_key_is_not_found,
        anothers_key as another_users_key_is_never_touched,
        no_use_on_record as a_fresh_key_has_no_use_on_record,
        a_use_on_record as a_use_is_on_record,
        a_home_is_listed as a_home_is_listed_and_replaced,
        no_home_for_nobody as a_home_of_no_user_is_not_found,
        ids_are_unique as each_user_has_an_id_of_its_own,
        tags_are_listed as tags_are_listed,
        path_prefix as users_are_listed_by_path,
        policies_are_listed as attached_policies_are_listed,
        many_users as many_users_are_listed_once_each,
        no_users as an_empty_path_is_an_empty_list,
        hidden as no_secret_is_shown,
    ]
}

impl StoreFixture<'_> {
    async fn user(&self, case: &str) -> Result<UserName, Miss> {
        Ok(self.user_under(case, "/", &[]).await?.name().clone())
    }

    async fn user_under(
        &self,
        case: &str,
        path: &str,
        tags: &[(&str, &str)],
    ) -> Result<UserArn, Miss> {
        let name = UserName::parse(format!("{}-{case}", self.lab.prefix()))?;
        let arn = self.lab.add_user(&name, path, tags).await?;
        self.lab.settle().await?;
        Ok(arn)
    }

    async fn nobody(&self) -> Result<UserName, Miss> {
        Ok(UserName::parse(format!("{}-nobody", self.lab.prefix()))?)
    }

    async fn keys(&self, user: &UserName) -> Result<Vec<AccessKey>, Miss> {
        self.lab.settle().await?;
        Ok(self.port.list_keys(user).await?)
    }

    async fn status(&self, user: &UserName, key: &KeyId) -> Result<Option<KeyStatus>, Miss> {
        Ok(self.keys(user).await?.into_iter().find(|k| k.id == *key).map(|k| k.status))
    }

    async fn users(&self, path: &str) -> Result<Vec<IamUser>, Miss> {
        self.lab.settle().await?;
        Ok(self.port.users(path).await?)
    }
}

async fn two_keys_at_most(fixture: &StoreFixture<'_>) -> Checked {
    let user = fixture.user("limit").await?;
    let first = fixture.port.create_key(&user).await?.credentials.key;
    fixture.port.create_key(&user).await?;
    // An Inactive key counts too.
    fixture.port.deactivate_key(&user, &first).await?;
    refused("the third key", fixture.port.create_key(&user).await, ErrorKind::LimitExceeded)?;
    same("keys", &fixture.keys(&user).await?.len(), &2)
}

async fn a_key_from_making_to_deletion(fixture: &StoreFixture<'_>) -> Checked {
    let user = fixture.user("life").await?;
    same("keys of a new user", &fixture.keys(&user).await?, &vec![])?;
    let new = fixture.port.create_key(&user).await?;
    let key = &new.credentials.key;
    let expected = AccessKey { id: key.clone(), status: KeyStatus::Active, created: new.created };
    let whole = |mut key: AccessKey| {
        key.created = chrono::SubsecRound::trunc_subsecs(key.created, 0);
        key
    };
    let listed: Vec<_> = fixture.keys(&user).await?.into_iter().map(whole).collect();
    same("a new key as it is listed", &listed, &vec![whole(expected)])?;
    fixture.port.deactivate_key(&user, key).await?;
    same("status", &fixture.status(&user, key).await?, &Some(KeyStatus::Inactive))?;
    fixture.port.delete_key(&user, key).await?;
    same("keys after the deletion", &fixture.keys(&user).await?, &vec![])
}

async fn deactivating_twice(fixture: &StoreFixture<'_>) -> Checked {
    let user = fixture.user("off-twice").await?;
    let key = fixture.port.create_key(&user).await?.credentials.key;
    fixture.port.deactivate_key(&user, &key).await?;
    fixture.port.deactivate_key(&user, &key).await?;
    same("status", &fixture.status(&user, &key).await?, &Some(KeyStatus::Inactive))
}

async fn off_and_on(fixture: &StoreFixture<'_>) -> Checked {
    let user = fixture.user("on-again").await?;
    let key = fixture.port.create_key(&user).await?.credentials.key;
    fixture.port.deactivate_key(&user, &key).await?;
    for _ in 0..2 {
        fixture.port.activate_key(&user, &key).await?;
        same("status", &fixture.status(&user, &key).await?, &Some(KeyStatus::Active))?;
    }
    fixture.port.deactivate_key(&user, &key).await?;
    fixture.port.delete_key(&user, &key).await?;
    refused(
        "a key that is gone",
        fixture.port.activate_key(&user, &key).await,
        ErrorKind::NotFound,
    )?;
    same("keys", &fixture.keys(&user).await?, &vec![])
}

async fn deleting_twice(fixture: &StoreFixture<'_>) -> Checked {
    let user = fixture.user("gone-twice").await?;
    let key = fixture.port.create_key(&user).await?.credentials.key;
    fixture.port.deactivate_key(&user, &key).await?;
    fixture.port.delete_key(&user, &key).await?;
    Ok(fixture.port.delete_key(&user, &key).await?)
}

/// The keys' times are from one clock, in order, and the reply and the listing agree to the second.
async fn created_is_plausible(fixture: &StoreFixture<'_>) -> Checked {
    let user = fixture.user("created").await?;
    let first = fixture.lab.add_key(&user).await?;
    let second = fixture.port.create_key(&user).await?;
    let apart = (second.created - first.created).num_seconds();
    holds(
        &format!("the second key is {apart} s younger than the first"),
        (-1..600).contains(&apart),
    )?;
    let listed = fixture.keys(&user).await?;
    let Some(found) = listed.iter().find(|k| k.id == second.credentials.key) else {
        return fail("the new key is not listed");
    };
    let apart = (found.created - second.created).num_seconds().abs();
    holds(&format!("the listing's time is {apart} s from that of the reply"), apart <= 1)
}

async fn two_makings_make_two_keys(fixture: &StoreFixture<'_>) -> Checked {
    let user = fixture.user("two").await?;
    let (a, b) = (fixture.port.create_key(&user).await?, fixture.port.create_key(&user).await?);
    holds("two keys have one id", a.credentials.key != b.credentials.key)?;
    holds("two keys have one secret", a.credentials.secret != b.credentials.secret)
}

async fn no_such_user_list(fixture: &StoreFixture<'_>) -> Checked {
    refused(
        "the keys of nobody",
        fixture.port.list_keys(&fixture.nobody().await?).await,
        ErrorKind::NotFound,
    )?;
    Ok(())
}

async fn no_such_user_create(fixture: &StoreFixture<'_>) -> Checked {
    refused(
        "a key for nobody",
        fixture.port.create_key(&fixture.nobody().await?).await,
        ErrorKind::NotFound,
    )?;
    Ok(())
}

async fn no_such_key(fixture: &StoreFixture<'_>) -> Checked {
    let user = fixture.user("no-key").await?;
    let key = KeyId::parse("AKIAIOSFODNN7EXAMPLE")?;
    refused(
        "a key that is not there",
        fixture.port.deactivate_key(&user, &key).await,
        ErrorKind::NotFound,
    )?;
    Ok(())
}

/// Deleting a key under another user's name may be answered as "gone already", but the key must
/// still exist.
async fn anothers_key(fixture: &StoreFixture<'_>) -> Checked {
    let (owner, other) = (fixture.user("owner").await?, fixture.user("other").await?);
    let key = fixture.lab.add_key(&owner).await?.credentials.key;
    fixture.lab.settle().await?;
    refused("another's key", fixture.port.deactivate_key(&other, &key).await, ErrorKind::NotFound)?;
    let _ = fixture.port.delete_key(&other, &key).await;
    same("the key's status", &fixture.status(&owner, &key).await?, &Some(KeyStatus::Active))
}

async fn no_use_on_record(fixture: &StoreFixture<'_>) -> Checked {
    let user = fixture.user("unused").await?;
    let key = fixture.port.create_key(&user).await?.credentials.key;
    fixture.lab.settle().await?;
    same("last use", &fixture.port.last_use(&user, &key).await?, &LastUse::NoRecord)
}

async fn a_use_on_record(fixture: &StoreFixture<'_>) -> Checked {
    let user = fixture.user("used").await?;
    let new = fixture.port.create_key(&user).await?;
    fixture.lab.settle().await?;
    fixture.lab.use_key(&new.credentials).await?;
    match fixture.port.last_use(&user, &new.credentials.key).await? {
        LastUse::At { when, service, region } => {
            holds(
                &format!("a use at {when} of a key made at {}", new.created),
                when >= new.created,
            )?;
            holds("the service or the region is missing", !service.is_empty() && !region.is_empty())
        }
        other => fail(format!("a used key has {other:?}")),
    }
}

/// The tag that says where the user's key is managed. If it were lost or garbled, a second secret
/// would be created.
async fn a_home_is_listed(fixture: &StoreFixture<'_>) -> Checked {
    let path = format!("/{}/home/", fixture.lab.prefix());
    let user = fixture.user_under("home", &path, &[("RotateKey", "True")]).await?.name().clone();
    let account = "123456789012";
    for (region, name) in
        [("eu-central-1", "/iam/a,b/access_key-a1B2c3"), ("us-gov-west-1", "x@y+z=_.-/k-Zz9Yy8")]
    {
        let name = name.replace(',', "=2C");
        let home =
            SecretArn::parse(format!("arn:aws:secretsmanager:{region}:{account}:secret:{name}"))?;
        fixture.port.write_home(&user, &home).await?;
        let users = fixture.users(&path).await?;
        let tags: Vec<_> = users
            .iter()
            .map(|user| (user.tag(HOME_TAG).map(|(_, value)| value), user.tags.len()))
            .collect();
        same(
            "the tag, and how many there are",
            &tags,
            &vec![(Some(home.to_string().as_str()), 2)],
        )?;
    }
    Ok(())
}

async fn no_home_for_nobody(fixture: &StoreFixture<'_>) -> Checked {
    let home =
        SecretArn::parse("arn:aws:secretsmanager:eu-central-1:123456789012:secret:x-a1B2c3")?;
    refused(
        "a home of nobody",
        fixture.port.write_home(&fixture.nobody().await?, &home).await,
        ErrorKind::NotFound,
    )?;
    Ok(())
}

async fn ids_are_unique(fixture: &StoreFixture<'_>) -> Checked {
    let path = format!("/{}/ids/", fixture.lab.prefix());
    fixture.user_under("id-a", &path, &[]).await?;
    fixture.user_under("id-b", &path, &[]).await?;
    let ids = |users: Vec<IamUser>| {
        users.into_iter().map(|user| user.id).collect::<std::collections::BTreeSet<_>>()
    };
    let first = ids(fixture.users(&path).await?);
    same("ids of two users", &first.len(), &2)?;
    same("the ids the next time", &ids(fixture.users(&path).await?), &first)
}

async fn tags_are_listed(fixture: &StoreFixture<'_>) -> Checked {
    let path = format!("/{}/tags/", fixture.lab.prefix());
    fixture
        .user_under("tagged", &path, &[("RotateKey", "True"), ("keyrot:owner", "team@example.com")])
        .await?;
    fixture.user_under("untagged", &path, &[]).await?;
    let users = fixture.users(&path).await?;
    let tags: Vec<_> = users
        .iter()
        .map(|u| (u.arn.name().as_str().ends_with("-untagged"), u.tags.len()))
        .collect();
    holds(&format!("tags: {users:?}"), tags.contains(&(true, 0)) && tags.contains(&(false, 2)))?;
    let owner = users.iter().find_map(|u| u.tags.get("keyrot:owner")).map(String::as_str);
    same("a tag's value", &owner, &Some("team@example.com"))
}

async fn path_prefix(fixture: &StoreFixture<'_>) -> Checked {
    let root = format!("/{}/paths/", fixture.lab.prefix());
    let inside = fixture.user_under("in", &format!("{root}in/"), &[]).await?;
    let outside = fixture.user_under("out", &format!("{root}out/"), &[]).await?;
    let arns = |users: Vec<IamUser>| users.into_iter().map(|u| u.arn).collect::<Vec<_>>();
    same(
        "under the longer path",
        &arns(fixture.users(&format!("{root}in/")).await?),
        &vec![inside.clone()],
    )?;
    let mut both = arns(fixture.users(&root).await?);
    both.sort();
    same("under both", &both, &vec![inside.clone(), outside])?;
    holds("/ is everybody", arns(fixture.users("/").await?).contains(&inside))
}

async fn policies_are_listed(fixture: &StoreFixture<'_>) -> Checked {
    let path = format!("/{}/policies/", fixture.lab.prefix());
    let arn = fixture.user_under("policy", &path, &[]).await?;
    fixture.lab.attach_policy(arn.name(), "AWSCompromisedKeyQuarantineV3").await?;
    let policies: Vec<_> =
        fixture.users(&path).await?.into_iter().flat_map(|u| u.policies).collect();
    same("policies", &policies, &vec!["AWSCompromisedKeyQuarantineV3".to_owned()])
}

/// More users than a page of `ListUsers` holds by default.
async fn many_users(fixture: &StoreFixture<'_>) -> Checked {
    let path = format!("/{}/many/", fixture.lab.prefix());
    let mut made = Vec::new();
    for n in 0..130 {
        let name = UserName::parse(format!("{}-many-{n:03}", fixture.lab.prefix()))?;
        made.push(fixture.lab.add_user(&name, &path, &[("n", &n.to_string())]).await?);
    }
    let mut found: Vec<_> = fixture.users(&path).await?.into_iter().map(|u| u.arn).collect();
    found.sort();
    same("users", &found, &made)
}

async fn no_users(fixture: &StoreFixture<'_>) -> Checked {
    same("users", &fixture.users(&format!("/{}/nobody/", fixture.lab.prefix())).await?, &vec![])
}

async fn hidden(fixture: &StoreFixture<'_>) -> Checked {
    let user = fixture.user("hidden").await?;
    let new = fixture.port.create_key(&user).await?;
    let secret = &new.credentials.secret;
    hides("the new key", &format!("{new:?} {:?} {secret:?}", new.credentials), secret)?;
    hides("the listing", &format!("{:?}", fixture.keys(&user).await?), secret)?;
    fixture.port.create_key(&user).await?;
    match fixture.port.create_key(&user).await {
        Ok(third) => hides("a third key", &format!("{third:?}"), &third.credentials.secret),
        Err(error) => hides("an error", &format!("{error:?} {error}"), secret),
    }
}
