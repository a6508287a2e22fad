//! The scope of a policy, and its statements.

use super::Key;
use super::places::secret_names;
#[cfg(feature = "settings")]
use super::{Delivery, OpenDeliveries};
use super::{OneOrMany, Policy, Sid, Statement, Syntax, Text};
use keyrot_core::model::HOME_TAG;
use keyrot_core::selection::SecretTemplate;
#[cfg(any(feature = "settings", feature = "notify"))]
use keyrot_core::settings::{NotifySpec, NotifyTarget, SecretPlace, SecretSource};

/// The resources that keyrot works on and with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The tool that fills in the placeholders in the texts.
    pub syntax: Syntax,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: Text,
    /// The account's twelve-digit number.
    pub account: Text,
    /// The region of the secrets, topics, buses and parameters.
    pub region: Text,
    /// The path that users must be under; it begins and ends with a slash.
    pub path_prefix: Text,
    /// The key of the tag that selects users.
    pub tag: Text,
    /// The value that the tag must have; case is ignored.
    pub tag_value: Text,
    /// The names of the users' secrets, with wildcards.
    pub secrets: Vec<Text>,
    /// The other regions in which keyrot looks for a user's secret before it creates one.
    pub home_regions: Vec<Text>,
    /// The KMS key of the secrets; `None` for the account's `aws/secretsmanager`, which needs no
    /// permission.
    pub secrets_key: Option<Key>,
    /// How users are found.
    pub discovery: Discovery,
    /// The SSM parameter with the settings: its name or ARN.
    pub config: Option<Text>,
    /// The function's own topic, and the ARN of the KMS key that encrypts it.
    pub own_topic: Option<(Text, Text)>,
    /// The notifiers, and the credentials for destinations.
    pub hooks: Hooks,
    /// The destinations in AWS.
    #[cfg(feature = "settings")]
    pub deliveries: Vec<Delivery>,
    /// Additional destinations, which are filled in later.
    #[cfg(feature = "settings")]
    pub open_deliveries: Option<OpenDeliveries>,
    /// The name of the function's log group, where Lambda writes its log.
    pub log_group: Option<Text>,
    /// Whether keyrot asks CloudTrail who uses the keys that are held.
    pub trail: bool,
    /// Whether an operator may end users' sessions. IAM has no condition on an inline policy's
    /// content: anyone who may put one on a user can give that user every permission.
    pub end_sessions: bool,
}

/// How the users are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Discovery {
    /// One call for a thousand users. It also shows the policies of the whole account.
    #[default]
    Bulk,
    /// Two calls for each user, which show only users. keyrot falls back to this if the other call
    /// is denied.
    OneByOne,
}

/// keyrot's notifiers, and the secrets and parameters that it has to read for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// ARNs of SNS topics.
    pub topics: Many,
    /// EventBridge buses, each by name or ARN.
    pub buses: Many,
    /// Secrets that hold URLs or signing keys, each by name or ARN.
    pub secrets: Many,
    /// SSM parameters that hold URLs or signing keys, each by name or ARN.
    pub parameters: Many,
}

/// Some texts, or a placeholder for a list of ARNs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Many {
    /// These texts, if any.
    These(Vec<Text>),
    /// A list of ARNs that is filled in later.
    Open(String),
}

impl Default for Many {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

#[cfg(any(feature = "settings", feature = "notify"))]
impl Hooks {
    /// Returns the permissions that the setting `notify` needs.
    #[must_use]
    pub fn of(specs: &[NotifySpec]) -> Self {
        let mut hooks = Self::default();
        for target in specs.iter().map(NotifySpec::target) {
            match target {
                NotifyTarget::Sns(topic) => hooks.topics.push(topic.arn()),
                NotifyTarget::EventBridge(bus) => hooks.buses.push(bus.id()),
                NotifyTarget::Slack(_) | NotifyTarget::Teams(_) | NotifyTarget::Webhook { .. } => {}
            }
            target.sources().into_iter().for_each(|source| hooks.read(source));
        }
        hooks
    }

    /// Adds a place that has to be read.
    pub(super) fn read(&mut self, source: &SecretSource) {
        match source.place() {
            SecretPlace::SecretsManager => self.secrets.push(source.id()),
            SecretPlace::ParameterStore => self.parameters.push(source.id()),
            SecretPlace::Environment | SecretPlace::File => {}
        }
    }
}

#[cfg(any(feature = "settings", feature = "notify"))]
impl Many {
    fn push(&mut self, text: &str) {
        if let Self::These(list) = self
            && !list.contains(&Text::fixed(text))
        {
            list.push(Text::fixed(text));
        }
    }
}

impl Scope {
    /// Returns the scope of a run with these settings in this account. The region is a placeholder,
    /// `REGION`.
    #[must_use]
    pub fn new(
        account: Text,
        template: &SecretTemplate,
        path_prefix: &str,
        tag: &str,
        tag_value: &str,
    ) -> Self {
        Self {
            syntax: Syntax::Plain,
            partition: Text::fixed("aws"),
            region: Text::open("REGION"),
            path_prefix: Text::fixed(path_prefix),
            tag: Text::fixed(tag),
            tag_value: Text::fixed(tag_value),
            secrets: vec![secret_names(template, path_prefix, &account)],
            account,
            home_regions: Vec::new(),
            secrets_key: None,
            discovery: Discovery::default(),
            config: None,
            own_topic: None,
            hooks: Hooks::default(),
            #[cfg(feature = "settings")]
            deliveries: Vec::new(),
            #[cfg(feature = "settings")]
            open_deliveries: None,
            log_group: None,
            trail: false,
            end_sessions: false,
        }
    }

    /// Whether some secrets' names have no fixed prefix, so that the policy covers every secret in
    /// the account.
    #[must_use]
    pub fn takes_every_secret(&self) -> bool {
        self.secrets
            .iter()
            .any(|name| name.pattern(Syntax::Plain).trim_start_matches('/').starts_with('*'))
    }

    /// Returns the policy.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let mut statements = self.users();
        statements.extend(self.secrets());
        statements.extend(self.secrets_key());
        if let Some(name) = &self.config {
            statements.push(Statement::new(Sid::ReadConfig, self.parameter(name)));
        }
        statements.extend(self.hooks());
        #[cfg(feature = "settings")]
        {
            statements.extend(self.deliveries());
            statements.extend(self.open_deliveries());
        }
        if let Some(group) = &self.log_group {
            let group = Text::all([group.clone(), ":log-stream:".into(), Text::any()]);
            statements.push(Statement::new(Sid::WriteLog, self.arn("logs", "log-group:", &group)));
        }
        if self.trail {
            statements.push(Statement::new(Sid::LookUpUses, "*"));
        }
        Policy::of(statements)
    }

    fn users(&self) -> Vec<Statement> {
        let users = self.users_under(self.path_prefix.clone());
        let tag = format!("aws:ResourceTag/{}", self.tag.plain(self.syntax));
        let value = self.tag_value.plain(self.syntax);
        let mut statements = self.find_users(&users);
        statements.push(Statement::new(Sid::SeeLastUse, "*"));
        let tagged = |sid| {
            Statement::new(sid, users.clone()).when(
                "StringEqualsIgnoreCase",
                tag.clone(),
                value.clone(),
            )
        };
        statements.push(tagged(Sid::RotateTaggedUsers));
        // Only this tag may be set on a user.
        statements.push(
            tagged(Sid::RecordHomes)
                .when("ForAllValues:StringEquals", "aws:TagKeys", HOME_TAG)
                .when("Null", "aws:TagKeys", "false"),
        );
        statements
    }

    pub(super) fn find_users(&self, users: &str) -> Vec<Statement> {
        match self.discovery {
            Discovery::Bulk => vec![Statement::new(Sid::FindUsers, "*")],
            // keyrot has to read the tags before it knows which users have the rotation tag.
            Discovery::OneByOne => {
                vec![Statement::new(Sid::ListUsers, "*"), Statement::new(Sid::LookUpUsers, users)]
            }
        }
    }

    /// Returns all users under a path. The path's first slash is the one after `user`.
    pub(super) fn users_under(&self, path: Text) -> String {
        self.of_iam(Text::fixed("user").then(path).then(Text::any()))
    }

    /// Returns an IAM ARN, which has no region.
    pub(super) fn of_iam(&self, resource: Text) -> String {
        let account = Text::all([
            "arn:".into(),
            self.partition.clone(),
            ":iam::".into(),
            self.account.clone(),
        ]);
        account.then(":".into()).then(resource).pattern(self.syntax)
    }

    fn secrets(&self) -> Vec<Statement> {
        let both = |name: &Text| {
            let with_end = name.clone().then(Text::arn_end());
            [name, &with_end].map(|name| self.arn("secretsmanager", "secret:", name))
        };
        let arns: Vec<String> = self.secrets.iter().flat_map(both).collect();
        let names: Vec<String> =
            self.secrets.iter().map(|name| name.pattern(self.syntax)).collect();
        let mut statements = vec![
            Statement::new(Sid::CreateSecrets, arns.clone()).when(
                "StringLikeIfExists",
                "secretsmanager:Name",
                names,
            ),
            Statement::new(Sid::KeepSecrets, arns.clone()),
            Statement::new(Sid::ReadSecrets, arns.clone()).labelled(&[
                "AWSCURRENT",
                "AWSPENDING",
                "AWSPREVIOUS",
            ]),
            Statement::new(Sid::LabelVersions, arns).labelled(&["AWSCURRENT", "AWSPENDING"]),
        ];
        let further: Vec<String> = self
            .home_regions
            .iter()
            .flat_map(|region| self.in_region(region).secret_names_and_arns())
            .collect();
        if !further.is_empty() {
            statements.push(Statement::new(Sid::FindHomes, further));
        }
        statements
    }

    pub(super) fn in_region(&self, region: &Text) -> Self {
        Self { region: region.clone(), ..self.clone() }
    }

    fn secrets_key(&self) -> Option<Statement> {
        let mut contexts = self.secret_arns();
        contexts.push("RequestToValidateKeyAccess".to_owned());
        self.with_key(Sid::UseSecretsKey, contexts)
    }

    /// Returns the ARNs of existing secrets.
    pub(super) fn secret_arns(&self) -> Vec<String> {
        let arn = |name: &Text| {
            self.arn("secretsmanager", "secret:", &name.clone().then(Text::arn_end()))
        };
        self.secrets.iter().map(arn).collect()
    }

    /// Returns the KMS statement: only through Secrets Manager, and for these encryption contexts;
    /// `None` if the key needs no permission.
    pub(super) fn with_key(&self, sid: Sid, contexts: Vec<String>) -> Option<Statement> {
        let key = self.secrets_key.as_ref()?;
        let arn = match key {
            Key::Arn(arn) => arn.pattern(self.syntax),
            Key::Id(id) => self.arn("kms", "key/", id),
            Key::Alias(_) => self.arn("kms", "key/", &Text::any()),
        };
        let statement = Statement::new(sid, arn)
            .when("StringEquals", "kms:ViaService", self.service("secretsmanager"))
            .when("StringLike", "kms:EncryptionContext:SecretARN", contexts);
        Some(match key {
            // These actions do not accept an alias as a resource, so the statement names the key by
            // its aliases.
            Key::Alias(alias) => statement.when(
                "ForAnyValue:StringEquals",
                "kms:ResourceAliases",
                alias.plain(self.syntax),
            ),
            _ => statement,
        })
    }

    fn hooks(&self) -> Vec<Statement> {
        let mut statements = Vec::new();
        if let Some((topic, key)) = &self.own_topic {
            statements.push(Statement::new(Sid::PublishToOwnTopic, topic.pattern(self.syntax)));
            statements.push(Statement::new(Sid::UseTopicKey, key.pattern(self.syntax)).when(
                "StringEquals",
                "kms:ViaService",
                self.service("sns"),
            ));
        }
        let Hooks { topics, buses, secrets, parameters } = &self.hooks;
        let bus = |name: &Text| self.named(name, "events", "event-bus/");
        let secret = |name: &Text| match name.starts_with("arn:") {
            true => name.pattern(self.syntax),
            false => self.arn("secretsmanager", "secret:", &name.clone().then(Text::arn_end())),
        };
        let mut add = |sid, many: &Many, arn: &dyn Fn(&Text) -> String| {
            let resource: OneOrMany = match many {
                Many::These(list) if list.is_empty() => return,
                Many::These(list) => list.iter().map(arn).collect::<Vec<_>>().into(),
                Many::Open(place) => self.open_list(place),
            };
            statements.push(Statement::new(sid, resource));
        };
        add(Sid::PublishToTopics, topics, &|arn| arn.pattern(self.syntax));
        add(Sid::PutEvents, buses, &bus);
        add(Sid::ReadHookSecrets, secrets, &secret);
        add(Sid::ReadHookParameters, parameters, &|name| self.parameter(name));
        statements
    }

    /// CloudFormation inserts the list between the brackets. Terraform replaces the text with the
    /// list.
    pub(super) fn open_list(&self, place: &str) -> OneOrMany {
        match self.syntax {
            Syntax::CloudFormation => OneOrMany::Many(vec![place.to_owned()]),
            Syntax::Plain | Syntax::Terraform => OneOrMany::One(place.to_owned()),
        }
    }

    /// Returns the ARN of an SSM parameter. The slash at the beginning of its name is the one after
    /// `parameter` (Systems Manager user guide).
    pub(super) fn parameter(&self, name: &Text) -> String {
        let resource = if name.starts_with("/") { "parameter" } else { "parameter/" };
        self.named(name, "ssm", resource)
    }

    fn named(&self, name: &Text, service: &str, resource: &str) -> String {
        if name.starts_with("arn:") {
            name.pattern(self.syntax)
        } else {
            self.arn(service, resource, name)
        }
    }

    pub(super) fn arn(&self, service: &str, resource: &str, name: &Text) -> String {
        let colon = || Text::fixed(":");
        let head =
            Text::all(["arn:".into(), self.partition.clone(), colon(), service.into(), colon()]);
        let place = Text::all([
            self.region.clone(),
            colon(),
            self.account.clone(),
            colon(),
            resource.into(),
        ]);
        head.then(place).then(name.clone()).pattern(self.syntax)
    }

    pub(super) fn service(&self, name: &str) -> String {
        Text::all([name.into(), ".".into(), self.region.clone(), ".amazonaws.com".into()])
            .plain(self.syntax)
    }
}
