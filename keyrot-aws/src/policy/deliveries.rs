//! The permissions for destinations in AWS: SSM parameters, secrets and replicas elsewhere, and ECS
//! services.

use super::{Delivery, DeliveryKind, Hooks, Key, OneOrMany, Scope, Sid, Statement, Text};
use keyrot_core::settings::DestinationSpec;

impl Hooks {
    /// Returns the scope with these destinations, and with the secrets that keyrot reads to
    /// authenticate there.
    #[must_use]
    pub fn with_tokens(mut self, specs: &[DestinationSpec]) -> Self {
        specs.iter().flat_map(DestinationSpec::sources).for_each(|source| self.read(source));
        self
    }
}

impl Scope {
    pub(super) fn deliveries(&self) -> Vec<Statement> {
        let at = |one: &Delivery| match &one.region {
            Some(region) => self.in_region(region),
            None => self.clone(),
        };
        let (mut parameters, mut secrets, mut restarts) = (Vec::new(), Vec::new(), Vec::new());
        let (mut keys, mut aliases, mut services) = (Vec::new(), Vec::new(), Vec::new());
        let (mut alias_keys, mut roles, mut clusters) = (Vec::new(), Vec::new(), Vec::new());
        let mut replicas = Vec::new();
        let add = |list: &mut Vec<String>, text: String| {
            if !list.contains(&text) {
                list.push(text);
            }
        };
        for one in &self.deliveries {
            if let Some(role) = &one.role {
                add(&mut roles, role.pattern(self.syntax));
                continue;
            }
            let there = at(one);
            let service = match one.what {
                DeliveryKind::Parameter => {
                    add(&mut parameters, there.parameter(&one.names));
                    there.service("ssm")
                }
                DeliveryKind::Secret => {
                    // The ARN of a secret that does not exist yet has no six characters at its end.
                    let with_end = one.names.clone().then(Text::arn_end());
                    add(&mut secrets, there.arn("secretsmanager", "secret:", &one.names));
                    add(&mut secrets, there.arn("secretsmanager", "secret:", &with_end));
                    there.service("secretsmanager")
                }
                DeliveryKind::Replica => {
                    add(&mut replicas, there.region.plain(self.syntax));
                    if one.key.is_some() {
                        add(&mut services, self.service("secretsmanager"));
                    }
                    there.service("secretsmanager")
                }
                DeliveryKind::EcsService => {
                    add(&mut restarts, there.arn("ecs", "service/", &one.names));
                    add(&mut clusters, there.arn("ecs", "cluster/", &one.names.before('/')));
                    continue;
                }
            };
            match &one.key {
                None => continue,
                Some(Key::Alias(alias)) => {
                    add(&mut alias_keys, there.arn("kms", "key/", &Text::any()));
                    add(&mut aliases, alias.plain(self.syntax));
                }
                Some(Key::Arn(arn)) => add(&mut keys, arn.pattern(self.syntax)),
                Some(Key::Id(id)) => add(&mut keys, there.arn("kms", "key/", id)),
            }
            add(&mut services, service);
        }
        let through = |sid, keys| {
            Statement::new(sid, keys).when("StringEquals", "kms:ViaService", services.clone())
        };
        let mut statements = Vec::new();
        if !parameters.is_empty() {
            statements.push(Statement::new(Sid::DeliverParameters, parameters));
        }
        if !secrets.is_empty() {
            statements.push(Statement::new(Sid::DeliverSecrets, secrets));
        }
        if !replicas.is_empty() {
            statements.extend(self.replicas(&replicas.into()));
        }
        if !restarts.is_empty() {
            statements.push(Statement::new(Sid::RestartServices, restarts));
            let all = vec!["*".to_owned()];
            let tasks = Statement::new(Sid::SeeTasks, all);
            statements.push(tasks.when("ArnLike", "ecs:cluster", clusters));
        }
        if !keys.is_empty() {
            statements.push(through(Sid::UseDeliveryKeys, keys));
        }
        // These actions do not accept an alias as a resource, so the statement names the key by its
        // aliases.
        if !alias_keys.is_empty() {
            statements.push(through(Sid::UseDeliveryAliases, alias_keys).when(
                "ForAnyValue:StringEquals",
                "kms:ResourceAliases",
                aliases,
            ));
        }
        if !roles.is_empty() {
            statements.push(Statement::new(Sid::AssumeDeliveryRoles, roles));
        }
        statements
    }

    /// Returns the regions of the replicas.
    pub(super) fn replica_regions(&self) -> Vec<Text> {
        let replicas = self.deliveries.iter().filter(|one| one.what == DeliveryKind::Replica);
        replicas.filter_map(|one| one.region.clone()).collect()
    }

    /// Returns the statements on replicas of the users' secrets in these regions.
    fn replicas(&self, regions: &OneOrMany) -> [Statement; 2] {
        // A request for a replica that does not exist yet has only its name.
        let anywhere = self.in_region(&Text::any()).secret_names_and_arns();
        [
            Statement::new(Sid::ReplicateSecrets, self.secret_arns()).when(
                "ForAllValues:StringEquals",
                "secretsmanager:AddReplicaRegions",
                regions.clone(),
            ),
            Statement::new(Sid::ReadReplicas, anywhere).labelled(&["AWSCURRENT"]).when(
                "StringEquals",
                "aws:RequestedRegion",
                regions.clone(),
            ),
        ]
    }

    /// Returns the same statements, with lists that are filled in later. KMS keys are named by ARN.
    pub(super) fn open_deliveries(&self) -> Vec<Statement> {
        let Some(open) = &self.open_deliveries else { return Vec::new() };
        let of = |sid, place: &str| Statement::new(sid, self.open_list(place));
        let [replicate, read] = self.replicas(&self.open_list(&open.replica_regions));
        vec![
            of(Sid::DeliverParameters, &open.parameters),
            of(Sid::DeliverSecrets, &open.secrets),
            replicate,
            read,
            of(Sid::RestartServices, &open.ecs_services),
            Statement::new(Sid::SeeTasks, vec!["*".to_owned()]).when(
                "ArnLike",
                "ecs:cluster",
                self.open_list(&open.ecs_clusters),
            ),
            of(Sid::UseDeliveryKeys, &open.keys).when(
                "StringEquals",
                "kms:ViaService",
                self.open_list(&open.services),
            ),
            of(Sid::AssumeDeliveryRoles, &open.roles),
        ]
    }
}
