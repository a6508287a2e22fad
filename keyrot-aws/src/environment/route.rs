//! How a profile gets its credentials. The profile's keys are read in the SDK's order, so that
//! keyrot can refuse in advance what cannot work, and explain later failures.

use super::error::{NamedBy, ProfileError};
use super::files::{Files, variable};
use super::for_sdk::{name_for_sdk, name_in_files};
use super::profile::must_exist;
use aws_config::profile::{Profile, ProfileSet};

/// How the credentials are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// The requested profile; `None` if no profile gives the credentials.
    pub(crate) profile: Option<String>,
    /// The roles to assume; the last one is the caller's.
    pub(crate) roles: Vec<String>,
    /// The MFA device that a role's profile names. The SDK does not ask for its code.
    pub(crate) mfa: Option<String>,
    /// The source of the first credentials.
    pub(crate) base: Base,
    /// The variables that name a missing file, for a machine without credentials.
    pub(crate) missing: Vec<String>,
}

/// The first credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// Credentials that the program sets.
    HandedIn,
    /// A key in variables.
    Variables,
    /// A key in a file.
    Key,
    /// `credential_process`.
    Process,
    /// IAM Identity Center.
    Sso,
    /// `aws login`.
    Login,
    /// `web_identity_token_file`, or the variables of the same meaning.
    WebIdentity,
    /// `credential_source`.
    Source,
    /// A container's role.
    Container,
    /// The instance's role.
    Machine,
}

const ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";

const TOKEN: &str = "AWS_SESSION_TOKEN";

/// Whether the id is that of temporary credentials, which need a session token (IAM user guide,
/// "Understanding unique ID prefixes").
fn is_temporary(id: &str) -> bool {
    id.trim().starts_with("ASIA")
}

fn no_token() -> String {
    const OLD: &str = "AWS_SECURITY_TOKEN";
    let old = match variable(OLD) {
        Some(_) => format!(" ({OLD}, the name that older tools use, is not read)"),
        None => String::new(),
    };
    format!("has temporary credentials, and {TOKEN} is not set: set all three variables{old}")
}

impl Route {
    fn without_profile(base: Base) -> Self {
        Self { profile: None, roles: Vec::new(), mfa: None, base, missing: Vec::new() }
    }

    pub(super) fn of_machine(base: Base) -> Self {
        Self::without_profile(base)
    }

    pub(crate) fn handed_in() -> Self {
        Self::without_profile(Base::HandedIn)
    }

    /// Reads credentials from variables. The SDK would skip half of a key.
    pub(super) fn of_variables(handed_in: bool) -> Result<Option<Self>, ProfileError> {
        match (variable(ID), variable(SECRET)) {
            _ if handed_in => Ok(None),
            (Some(id), Some(_)) => match is_temporary(&id) && variable(TOKEN).is_none() {
                true => Err(ProfileError::Variable { name: ID, problem: no_token() }),
                false => Ok(Some(Self::without_profile(Base::Variables))),
            },
            (Some(_), None) => Err(ProfileError::HalfAKey { set: ID, missing: SECRET }),
            _ => Ok(None),
        }
    }
}

/// Returns the route of this profile, by its name in the files. With `by_name`, it has to give
/// credentials; otherwise the machine's role may.
pub(super) fn of_profile(
    set: &ProfileSet,
    files: &Files,
    name: &str,
    by_name: bool,
) -> Result<Route, ProfileError> {
    let mut route = Route { profile: Some(name.to_owned()), ..Route::of_machine(Base::Machine) };
    let Some(mut at) = set.get_profile(&name_for_sdk(name)) else {
        return Ok(Route::of_machine(Base::Machine));
    };
    if let Some((key, file)) = files.shared_credentials() {
        let problem = format!(
            "gets {key} from [DEFAULT] in {file} in boto3 and the AWS CLI, and not in other tools: move it into a profile"
        );
        return Err(ProfileError::unusable(at.name(), problem));
    }
    let mut seen = vec![name.to_owned()];
    loop {
        // A source's own role counts only if it has no key (as in the SDK).
        let is_source = seen.len() > 1;
        if is_source && at.get(KEY_ID).is_some() && at.get(KEY_SECRET).is_some() {
            let of_name = name_in_files(at.name());
            let in_config = !files.credentials_have_a_key(&of_name);
            let other = ["web_identity_token_file", "sso_session", "sso_start_url"].into_iter();
            let others = other
                .chain(["credential_process", "login_session"].into_iter().filter(|_| in_config));
            if let Some(other) = others.into_iter().find(|key| at.get(key).is_some()) {
                return Err(ProfileError::unusable(at.name(), disagreement(other, "a key")));
            }
            route.base = Base::Key;
            return Ok(route);
        }
        let role = at.get("role_arn").filter(|_| at.get("web_identity_token_file").is_none());
        let Some(role) = role else { break };
        route.roles.insert(0, role.to_owned());
        route.mfa = route.mfa.take().or_else(|| at.get("mfa_serial").map(str::to_owned));
        let source = match (at.get("source_profile"), at.get("credential_source")) {
            (Some(_), Some(_)) => {
                let problem = "has both source_profile and credential_source: remove one of them";
                return Err(ProfileError::unusable(at.name(), problem));
            }
            (None, None) => {
                let problem = format!(
                    "is to assume the role {role}, but says with which credentials nowhere: add source_profile = NAME, or credential_source"
                );
                return Err(ProfileError::unusable(at.name(), problem));
            }
            (None, Some(_)) => break,
            (Some(source), None) if source == at.name() => break,
            (Some(source), None) => name_in_files(source).into_owned(),
        };
        if seen.contains(&source) {
            let problem = format!(
                "is its own source_profile ({} → {source}): name a profile with credentials",
                seen.join(" → ")
            );
            return Err(ProfileError::unusable(name, problem));
        }
        let of = NamedBy::SourceOf(name_in_files(at.name()).into_owned());
        must_exist(set, files, &source, &of)?;
        let Some(next) = set.get_profile(&name_for_sdk(&source)) else { break };
        seen.push(source);
        at = next;
    }
    match base(set, files, at)? {
        Some(base) => route.base = base,
        None if seen.len() > 1 || !route.roles.is_empty() => {
            let problem = format!(
                "is the source of credentials for {:?}, but holds none: add {WAYS}",
                seen.iter().rev().nth(1).map_or(name, String::as_str)
            );
            return Err(ProfileError::unusable(at.name(), problem));
        }
        None if by_name => {
            let problem = format!(
                "holds no credentials: add {WAYS}; for the machine's role, do not name a profile"
            );
            return Err(ProfileError::unusable(name, problem));
        }
        None => {}
    }
    Ok(route)
}

const KEY_ID: &str = "aws_access_key_id";
const KEY_SECRET: &str = "aws_secret_access_key";
const WAYS: &str =
    "a key, role_arn with source_profile, sso_session, login_session or credential_process";

fn disagreement(one: &str, other: &str) -> String {
    format!(
        "has {one} and {other}, and the AWS tools disagree which of them counts: remove one of them"
    )
}

/// Returns the source of this profile's own credentials, in the SDK's order.
fn base(set: &ProfileSet, files: &Files, profile: &Profile) -> Result<Option<Base>, ProfileError> {
    let has = |key: &str| profile.get(key).is_some();
    let refuse = |problem: String| Err(ProfileError::unusable(profile.name(), problem));
    if profile.get("role_arn").is_none()
        && let Some(key) = ["source_profile", "credential_source"].into_iter().find(|key| has(key))
    {
        return refuse(format!("has {key} without role_arn: add role_arn, or remove {key}"));
    }
    let name = name_in_files(profile.name());
    // The SDK uses the other one, the AWS CLI the key.
    let other = ["login_session", "credential_process"].into_iter().find(|key| has(key));
    if let Some(other) = other.filter(|_| files.credentials_have_a_key(&name)) {
        return refuse(disagreement(other, "a key in the credentials file"));
    }
    if let Some(source) = profile.get("credential_source") {
        let sources = ["Ec2InstanceMetadata", "EcsContainer", "Environment"];
        return match sources.iter().any(|known| known.eq_ignore_ascii_case(source)) {
            true => Ok(Some(Base::Source)),
            false => refuse(format!(
                "has credential_source = {source}: expected Ec2InstanceMetadata, EcsContainer or Environment"
            )),
        };
    }
    if has("web_identity_token_file") {
        return match has("role_arn") {
            true => Ok(Some(Base::WebIdentity)),
            false => {
                refuse("has web_identity_token_file without role_arn: add role_arn".to_owned())
            }
        };
    }
    let sso = ["sso_session", "sso_start_url", "sso_region", "sso_account_id", "sso_role_name"];
    if sso.into_iter().any(has) {
        return self::sso(set, files, profile).map(|()| Some(Base::Sso));
    }
    if has("login_session") {
        return match cfg!(feature = "login") {
            true => Ok(Some(Base::Login)),
            false => refuse(format!(
                "uses `aws login` (login_session), which this program cannot read: use another profile with credential_process = aws configure export-credentials --profile {name} --format process",
            )),
        };
    }
    if has("credential_process") {
        return Ok(Some(Base::Process));
    }
    match (has(KEY_ID), has(KEY_SECRET)) {
        (true, true) => Ok(Some(Base::Key)),
        (true, false) => refuse(format!("has {KEY_ID} without {KEY_SECRET}: add it")),
        (false, true) => refuse(format!("has {KEY_SECRET} without {KEY_ID}: add it")),
        (false, false) if has("aws_session_token") => {
            refuse(format!("has aws_session_token without {KEY_ID}: add the key"))
        }
        (false, false) => Ok(None),
    }
}

/// Whether IAM Identity Center can be asked (AWS SDKs and Tools Reference Guide, "IAM Identity
/// Center credential provider").
fn sso(set: &ProfileSet, files: &Files, profile: &Profile) -> Result<(), ProfileError> {
    let name = name_in_files(profile.name());
    let refuse = |problem: String| Err(ProfileError::unusable(profile.name(), problem));
    let needs = |lacks: &str, place: String| {
        refuse(format!(
            "uses IAM Identity Center, but {place} lacks {lacks}: `aws configure sso --profile {name}` writes it"
        ))
    };
    let place = || "it".to_owned();
    if let Some(session) = profile.get("sso_session") {
        if set.sso_session(session).is_none() && files.has_section("sso-session", session) {
            return refuse(format!(
                "names [sso-session {session}], whose name keyrot cannot read: name the session with letters, digits and hyphens only, with `aws configure sso --profile {name}`"
            ));
        }
        let Some(section) = set.sso_session(session) else {
            return refuse(format!(
                "names [sso-session {session}], which is in no file: `aws configure sso --profile {name}` writes it"
            ));
        };
        for key in ["sso_start_url", "sso_region"] {
            if profile.get(key).is_some() {
                return refuse(format!(
                    "has both sso_session and {key}: leave {key} to [sso-session {session}]"
                ));
            }
            if section.get(key).is_none() {
                return needs(key, format!("[sso-session {session}]"));
            }
        }
    } else {
        for key in ["sso_start_url", "sso_region"] {
            if profile.get(key).is_none() {
                return needs(key, place());
            }
        }
    }
    for key in ["sso_account_id", "sso_role_name"] {
        if profile.get(key).is_none() {
            return needs(key, place());
        }
    }
    Ok(())
}
