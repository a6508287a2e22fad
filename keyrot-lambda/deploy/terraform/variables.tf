# The same as the parameters of ../sam/template.yaml.

variable "zip_file" {
  description = "The function's zip, as built by scripts/lambda-zip."
  type        = string
  default     = "../../../target/lambda/keyrot/bootstrap.zip"
}

# ---------------------------------------------------------------- users and secrets

variable "tag" {
  description = "The tag that selects a user, KEY=VALUE. Case is ignored."
  type        = string
  default     = "RotateKey=True"

  validation {
    condition     = can(regex("^[^=$\"]+=[^=$\"]+$", var.tag))
    error_message = "Expected KEY=VALUE, such as RotateKey=True."
  }
}

variable "path_prefix" {
  description = "Only users whose IAM path begins with this."
  type        = string
  default     = "/"

  validation {
    condition     = can(regex("^/([A-Za-z0-9_+=,.@/-]*/)?$", var.path_prefix))
    error_message = "Expected a path with a slash at both ends, such as /ci/."
  }
}

variable "exclude" {
  description = "Users that keyrot never changes: names, or patterns with * and ?."
  type        = list(string)
  default     = []
}

variable "secret_name" {
  description = "The name of a user's secret, with {user} in it. It begins with fixed text."
  type        = string
  default     = "/iam/{user}/access_key"

  # Without a fixed beginning, the function would need permission to read and write every secret of the account.
  validation {
    condition     = can(regex("^/?[A-Za-z0-9_+=.@-][A-Za-z0-9/_+=.@{}-]*$", var.secret_name)) && strcontains(var.secret_name, "{user}")
    error_message = "Expected a name with {user} in it that begins with fixed text, such as /iam/{user}/access_key."
  }
}

variable "kms_key_arn" {
  description = "The KMS key of new secrets, by its ARN. Empty for the account's aws/secretsmanager."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$", var.kms_key_arn))
    error_message = "Expected the ARN of a key, not of an alias; or nothing."
  }
}

variable "config_parameter" {
  description = "An SSM parameter whose text is a keyrot.toml, by its name, which begins with a slash. Empty for none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(/[A-Za-z0-9_./-]+)?$", var.config_parameter))
    error_message = "Expected a name that begins with a slash; or nothing."
  }
}

# ---------------------------------------------------------------- when

variable "schedule" {
  description = "When a run begins, in EventBridge Scheduler's format. Keys are retired at the first run after their waits are over, so a daily one retires them sooner. Change run_interval with it."
  type        = string
  default     = "cron(0 4 ? * MON *)"
}

variable "run_interval" {
  description = "The longest time between two runs of schedule, such as 7d for a weekly one or 1d for a daily one. Rotations begin early enough that no key is Active for longer than max_age."
  type        = string
  default     = "7d"

  validation {
    condition     = can(regex("^[0-9]+(d|h|m|s|ms)$", var.run_interval))
    error_message = "Expected a duration such as 7d, 1d or 12h."
  }
}

variable "schedule_timezone" {
  description = "The time zone of the schedule."
  type        = string
  default     = "UTC"
}

variable "schedule_state" {
  description = "DISABLED stops the runs and leaves everything else in place."
  type        = string
  default     = "ENABLED"

  validation {
    condition     = contains(["ENABLED", "DISABLED"], var.schedule_state)
    error_message = "Expected ENABLED or DISABLED."
  }
}

variable "heartbeat_days" {
  description = "The number of days without a finished run until the heartbeat alarm goes off; 7 for a weekly schedule, 2 for a daily one."
  type        = number
  default     = 7

  validation {
    condition     = var.heartbeat_days >= 1 && var.heartbeat_days <= 7
    error_message = "Expected 1 to 7: CloudWatch looks back seven days at most."
  }
}

variable "waits" {
  description = "keyrot's waits, each as text such as 90d: max_age, overlap, recent_use, idle, soak. Left out, keyrot's defaults."
  type = object({
    max_age    = optional(string, "")
    overlap    = optional(string, "")
    recent_use = optional(string, "")
    idle       = optional(string, "")
    soak       = optional(string, "")
  })
  default = {}
}

variable "max_changes" {
  description = "How many users one run may change. Null for no limit."
  type        = number
  default     = null
}

variable "max_adoptions" {
  description = "How many users one run may adopt, which is to change them for the first time; \"none\" for no limit. Empty for keyrot's default."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([0-9]*|none)$", var.max_adoptions))
    error_message = "Expected a whole number, or none for no limit."
  }
}

# ---------------------------------------------------------------- notifications

variable "alarm_email" {
  description = "Who gets the alarms by mail; the address has to confirm. Empty for none."
  type        = string
  default     = ""
}

variable "oldest_key_days" {
  description = "The age of the oldest key in days, Active or not, at which an alarm goes off. An old key is Active for the 90 days of max_age at most, and deleted after soak and at most one more week between two runs."
  type        = number
  default     = 105
}

variable "notify" {
  description = "Other notifiers, such as \"slack secret:/keyrot/slack\" or \"eventbridge default\". No URL belongs here."
  type        = list(string)
  default     = []
}

variable "trail" {
  description = "Whether CloudTrail is asked who uses the keys that are held because they are in use."
  type        = bool
  default     = false
}

variable "notify_topic_arns" {
  description = "The ARNs of the SNS topics in notify."
  type        = list(string)
  default     = []
}

variable "notify_bus_arns" {
  description = "The ARNs of the EventBridge buses in notify."
  type        = list(string)
  default     = []
}

variable "notify_secret_arns" {
  description = "The ARNs of the secrets in notify and in destinations' `token` and `private_key`, with the six characters that Secrets Manager appended."
  type        = list(string)
  default     = []
}

variable "notify_parameter_arns" {
  description = "The ARNs of the SSM parameters in notify and in destinations' `token` and `private_key`."
  type        = list(string)
  default     = []
}

# ---------------------------------------------------------------- destinations

variable "destination_parameter_arns" {
  description = "The ARNs of the parameters of ssm destinations. An ARN ends with the destination's `to`, with * for each part in braces, such as arn:aws:ssm:eu-central-1:123456789012:parameter/ci/*/aws. `keyrot policy --for lambda` prints them (DeliverParameters)."
  type        = list(string)
  default     = []

  # Without a fixed beginning, the function could read and write every parameter of the account.
  validation {
    condition     = alltrue([for one in var.destination_parameter_arns : can(regex("^arn:[a-z-]+:ssm:[a-z0-9-]+:[0-9]{12}:parameter/[A-Za-z0-9_.-][A-Za-z0-9_./*-]*$", one))])
    error_message = "Expected ARNs of parameters whose names begin with fixed text."
  }
}

variable "destination_secret_arns" {
  description = "The ARNs of the secrets of secrets_manager destinations, without the six characters that Secrets Manager appends. An ARN ends with the destination's `to`, with * for each part in braces, such as arn:aws:secretsmanager:eu-west-1:123456789012:secret:/copies/*/access_key. `keyrot policy --for lambda` prints them (DeliverSecrets)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.destination_secret_arns : can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:/?[A-Za-z0-9_+=.@-][A-Za-z0-9/_+=.@*-]*$", one))])
    error_message = "Expected ARNs of secrets whose names begin with fixed text, without -??????."
  }
}

variable "destination_replica_regions" {
  description = "The regions of replica destinations. `keyrot policy --for lambda` prints them (ReplicateSecrets)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.destination_replica_regions : can(regex("^([a-z]+-)+[0-9]+$", one))])
    error_message = "Expected regions such as eu-west-1."
  }
}

variable "destination_service_arns" {
  description = "The ARNs of the services of ecs destinations. An ARN ends with the destination's `to`, with * for each part in braces, such as arn:aws:ecs:eu-central-1:123456789012:service/prod/shop. `keyrot policy --for lambda` prints them (RestartServices)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.destination_service_arns : can(regex("^arn:[a-z-]+:ecs:[a-z0-9-]+:[0-9]{12}:service/[A-Za-z0-9_*-]+/[A-Za-z0-9_*-]+$", one))])
    error_message = "Expected ARNs of services with the names of their clusters."
  }
}

variable "destination_cluster_arns" {
  description = "The ARNs of the clusters of these services, such as arn:aws:ecs:eu-central-1:123456789012:cluster/prod. Set it with destination_service_arns. `keyrot policy --for lambda` prints them (SeeTasks)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.destination_cluster_arns : can(regex("^arn:[a-z-]+:ecs:[a-z0-9-]+:[0-9]{12}:cluster/[A-Za-z0-9_*-]+$", one))])
    error_message = "Expected ARNs of clusters."
  }
}

variable "destination_kms_key_arns" {
  description = "The ARNs of your KMS keys that encrypt these parameters and secrets (`kms_key`). Set destination_kms_services with it. Empty for AWS's own keys."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.destination_kms_key_arns : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", one))])
    error_message = "Expected ARNs of keys, not of aliases."
  }
}

variable "destination_kms_services" {
  description = "The services that use these keys: ssm.REGION.amazonaws.com for a parameter, secretsmanager.REGION.amazonaws.com for a secret, as `keyrot policy --for lambda` prints them (kms:ViaService)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.destination_kms_services : can(regex("^(ssm|secretsmanager)[.][a-z0-9-]+[.]amazonaws[.]com$", one))])
    error_message = "Expected services such as ssm.eu-central-1.amazonaws.com or secretsmanager.eu-west-1.amazonaws.com."
  }
}

variable "destination_role_arns" {
  description = "The ARNs of the roles in other accounts (`role_arn`) of ssm, secrets_manager and ecs destinations. `keyrot policy --for lambda` prints them (AssumeDeliveryRoles)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.destination_role_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$", one))])
    error_message = "Expected ARNs of roles."
  }
}

# ---------------------------------------------------------------- the function

variable "function_name" {
  description = "The function's name; alarms, roles and the log group are named after it."
  type        = string
  default     = "keyrot"
}

variable "architecture" {
  description = "The architecture that the zip was built for."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Expected arm64 or x86_64."
  }
}

variable "reserved_concurrency" {
  description = "How many runs may happen at the same time; -1 reserves nothing, for accounts whose quota is too low. Two at the same time are safe, but wasteful."
  type        = number
  default     = 1
}

variable "rotation_function" {
  description = "Whether Secrets Manager may call the function to rotate a secret."
  type        = bool
  default     = false
}

variable "log_retention_days" {
  description = "How long the function's log is kept."
  type        = number
  default     = 365
}

variable "role_path" {
  description = "The IAM path of the roles, if the organization requires one."
  type        = string
  default     = "/"

  validation {
    condition     = can(regex("^/([!-~]{1,509}/)?$", var.role_path))
    error_message = "Expected a path that begins and ends with a slash, such as /service/."
  }
}

variable "permissions_boundary" {
  description = "The ARN of the roles' permissions boundary, if the organization requires one. It has to allow what `keyrot policy --for lambda` prints."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:[^:]+:iam::([0-9]{12}|aws):policy/.+", var.permissions_boundary))
    error_message = "Expected the ARN of a managed policy."
  }
}

variable "tags" {
  description = "Tags for everything that is created."
  type        = map(string)
  default     = {}
}
