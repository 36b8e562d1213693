//! The incident that is hidden in the logs: a leaked key, told step by step.
//!
//! # The story
//!
//! `ci-deploy`, the user that deploys in a less important account, has a long-term access
//! key. All month it is used from one address by one tool. Then, two thirds into the time
//! range, at night:
//!
//! 1. **Reconnaissance.** Somebody uses the key from another address with another client:
//!    `GetCallerIdentity`, `ListUsers`, `ListRoles`, `ListBuckets`, `DescribeInstances` in
//!    every region.
//! 2. **Denied calls.** Some forty calls in three minutes fail with `AccessDenied` and
//!    `Client.UnauthorizedOperation`: secrets, databases, policies, functions.
//! 3. **A foothold.** What the key may do is enough: `CreateUser`, `CreateAccessKey` for the
//!    new user, `AttachUserPolicy` with `AdministratorAccess`.
//! 4. **Onwards.** With the new key, from a second address, `AssumeRole` into the production
//!    account; both accounts log it, with the same `sharedEventID`.
//! 5. **In production.** `AuthorizeSecurityGroupIngress` opens SSH to `0.0.0.0/0`, then
//!    `ListSecrets` and `GetSecretValue`, secret by secret.
//! 6. **Silence.** `StopLogging`. For more than five hours the production account logs
//!    nothing at all, until somebody on call notices and calls `StartLogging`. The leaked
//!    key stays active.
//!
//! Both addresses are of the upper half of 203.0.113.0/24, which nobody else uses.

use serde::Serialize;

use super::GenerateOptions;
use super::account::{Account, DEPLOY_USER, GLOBAL_REGION};
use super::account_day::Silence;
use super::actor::{Actor, Address, Role};
use super::agent::Agent;
use super::clock::DAY_S;
use super::ids;
use super::random::{Rng, derive, salt};

/// Fewer events than this hide nothing.
pub const EVENTS_MIN: u64 = 1_000;

/// Where the intruder comes in.
const ASSUMED_ROLE: &str = "OrganizationAccountAccessRole";
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// What an investigation should find. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IncidentFacts {
    /// The account whose key leaked.
    pub leaked_account: String,
    pub leaked_user: String,
    pub leaked_key: String,
    /// Address and user agent of the first steps.
    pub address: String,
    pub user_agent: String,
    pub new_user: String,
    pub new_key: String,
    /// Address from which the new key is used.
    pub second_address: String,
    /// The account that is entered next; the same when there is only one.
    pub target_account: String,
    pub target_region: String,
    pub assumed_role: String,
    /// The temporary key of the session in the target account.
    pub session_key: String,
    pub security_group: String,
    pub secrets_read: u32,
    pub denied_calls: u32,
    /// All events of the incident, `StartLogging` included.
    pub events: u32,
    pub first_s: i64,
    /// When logging stopped in the target account.
    pub silent_from_s: i64,
    /// When it was started again.
    pub silent_until_s: i64,
}

/// The incident of these options, ready to be written.
pub struct Incident {
    pub facts: IncidentFacts,
    pub leaked: Account,
    pub target: Account,
    target_index: u32,
    /// Of the steps that come next.
    stage: Stage,
    pub steps: Vec<Step>,
}

/// The stages of the story, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    Reconnaissance,
    Denied,
    Foothold,
    Onwards,
    Production,
    Silence,
}

/// One event of the story.
pub struct Step {
    pub stage: Stage,
    pub time_s: i64,
    pub target: bool,
    pub region: String,
    pub service: &'static str,
    pub name: &'static str,
    pub actor: Actor,
    pub denied: bool,
    /// Templates in place of the call's own.
    pub request: Option<String>,
    pub response: Option<String>,
    pub resources: Option<String>,
    pub shared: Option<u64>,
    /// Events that are one call to AWS share a seed and with it the request id.
    pub seed: u64,
}

impl Incident {
    /// Lays the incident out; `None` when there are too few events to hide it in.
    pub fn new(options: &GenerateOptions) -> Option<Self> {
        if options.events < EVENTS_MIN {
            return None;
        }
        // A build account if there is one, and the first account, which is production.
        let leaked_index = options.accounts.saturating_sub(1).min(9);
        let target_index = 0;
        let seed = derive(options.seed, salt("incident"));
        let mut rng = Rng::new(seed);
        let leaked = Account::new(options.seed, leaked_index, EVENTS_MIN);
        let target = Account::new(options.seed, target_index, EVENTS_MIN);
        let day = i64::from(options.days) * 2 / 3;
        let first_s = options.start_s() + day * DAY_S + 2 * 3_600 + rng.below(2_400) as i64;
        let deploy_seed = leaked.deploy_seed();
        let address = format!("203.0.113.{}", rng.between(128, 190));
        let second_address = format!("203.0.113.{}", rng.between(191, 254));
        let user_agent = "aws-cli/2.17.20 md/awscrt#0.21.2 ua/2.0 os/linux#6.8.11-amd64 md/arch#x86_64 lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#standard md/installer#source md/prompt#off";
        let second_agent = "Boto3/1.34.46 md/Botocore#1.34.46 ua/2.0 os/linux#5.15.0-113-generic md/arch#x86_64 lang/python#3.10.12 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.34.46";
        let intruder = Actor::user(&leaked.number, DEPLOY_USER, deploy_seed).from(
            Address::Fixed(address.clone()),
            Agent::CommandLine(user_agent.to_owned()),
        );
        let new_user = rng
            .pick(&[
                "svc-log-sync",
                "backup-agent",
                "metrics-reader",
                "support-temp",
            ])
            .copied()
            .unwrap_or_default();
        let new_seed = derive(seed, salt("new user"));
        let second_agent = Agent::Fixed(second_agent.to_owned());
        let newcomer = Actor::user(&leaked.number, new_user, new_seed)
            .from(Address::Fixed(second_address.clone()), second_agent.clone());
        let assumed_s = first_s + 2_460;
        let session_name = format!("aws-sdk-{assumed_s}");
        let role = Role::new("/", ASSUMED_ROLE);
        let session_seed = derive(seed, salt("session"));
        let entered = Actor::role(&target.number, &role, &session_name, session_seed)
            .from(Address::Fixed(second_address.clone()), second_agent.clone())
            .since(assumed_s);
        let mut security_group = b"sg-".to_vec();
        ids::push_long_hex(&mut security_group, rng.next(), 17);
        let security_group = String::from_utf8_lossy(&security_group).into_owned();
        let facts = IncidentFacts {
            leaked_account: leaked.number.clone(),
            leaked_user: DEPLOY_USER.to_owned(),
            leaked_key: Actor::user_key(deploy_seed),
            address,
            user_agent: user_agent.to_owned(),
            new_user: new_user.to_owned(),
            new_key: Actor::user_key(new_seed),
            second_address,
            target_account: target.number.clone(),
            target_region: target.home_region.clone(),
            assumed_role: format!("arn:aws:iam::{}:role/{ASSUMED_ROLE}", target.number),
            session_key: entered.session_key(assumed_s),
            security_group,
            secrets_read: 0,
            denied_calls: 0,
            events: 0,
            first_s,
            silent_from_s: 0,
            silent_until_s: 0,
        };
        let mut incident = Incident {
            facts,
            leaked,
            target,
            target_index,
            stage: Stage::Reconnaissance,
            steps: Vec::new(),
        };
        let mut clock = StoryClock {
            time_s: first_s,
            rng,
        };
        incident.reconnaissance(&mut clock, &intruder);
        incident.stage = Stage::Denied;
        incident.denied_calls(&mut clock, &intruder);
        incident.stage = Stage::Foothold;
        incident.foothold(&mut clock, &intruder, first_s + 1_500, new_seed);
        incident.stage = Stage::Onwards;
        incident.onwards(&mut clock, &newcomer, assumed_s, &session_name);
        incident.stage = Stage::Production;
        incident.in_production(&mut clock, &entered);
        incident.stage = Stage::Silence;
        incident.silence(&mut clock, &entered);
        let denied = incident.steps.iter().filter(|step| step.denied).count();
        incident.facts.denied_calls = denied as u32;
        incident.facts.events = incident.steps.len() as u32;
        Some(incident)
    }

    /// The time in which the target account logs nothing.
    pub fn silence_of_trail(&self) -> Silence {
        Silence {
            account: self.target_index,
            from_s: self.facts.silent_from_s + 1,
            until_s: self.facts.silent_until_s,
        }
    }

    fn reconnaissance(&mut self, clock: &mut StoryClock, intruder: &Actor) {
        let regions = self.leaked.regions.clone();
        for (service, name) in [
            ("sts", "GetCallerIdentity"),
            ("iam", "GetUser"),
            ("iam", "ListUsers"),
            ("iam", "ListRoles"),
            ("s3", "ListBuckets"),
            ("iam", "ListAccessKeys"),
        ] {
            self.call(clock, 5..=40, intruder, GLOBAL_REGION, service, name);
        }
        for region in regions {
            self.call(clock, 2..=8, intruder, region, "ec2", "DescribeInstances");
            self.call(
                clock,
                2..=8,
                intruder,
                region,
                "ec2",
                "DescribeSecurityGroups",
            );
            self.call(
                clock,
                2..=8,
                intruder,
                region,
                "lambda",
                "ListFunctions20150331",
            );
        }
        self.call(
            clock,
            5..=40,
            intruder,
            GLOBAL_REGION,
            "cloudtrail",
            "DescribeTrails",
        );
    }

    fn denied_calls(&mut self, clock: &mut StoryClock, intruder: &Actor) {
        let regions = self.leaked.regions.clone();
        clock.skip(120..=300);
        let everywhere = [
            ("secretsmanager", "ListSecrets"),
            ("secretsmanager", "GetSecretValue"),
            ("ssm", "GetParameter"),
            ("ssm", "SendCommand"),
            ("rds", "DescribeDBInstances"),
            ("rds", "DescribeDBSnapshots"),
            ("ec2", "RunInstances"),
            ("ec2", "GetPasswordData"),
            ("ec2", "CreateSnapshot"),
            ("kms", "Decrypt"),
        ];
        let global = [
            ("iam", "GetAccountAuthorizationDetails"),
            ("iam", "PutUserPolicy"),
            ("iam", "UpdateAssumeRolePolicy"),
            ("iam", "CreateLoginProfile"),
            ("organizations", "DescribeOrganization"),
            ("organizations", "ListAccounts"),
        ];
        for (service, name) in global {
            self.call(clock, 1..=7, intruder, GLOBAL_REGION, service, name)
                .denied = true;
        }
        for (n, (service, name)) in everywhere.iter().cycle().take(34).enumerate() {
            let region = regions.get(n / everywhere.len() % regions.len().max(1));
            let region = region.copied().unwrap_or(GLOBAL_REGION);
            self.call(clock, 1..=7, intruder, region, service, name)
                .denied = true;
        }
    }

    fn foothold(&mut self, clock: &mut StoryClock, intruder: &Actor, from_s: i64, new_seed: u64) {
        clock.time_s = clock.time_s.max(from_s);
        let IncidentFacts {
            new_user, new_key, ..
        } = self.facts.clone();
        let new_id = Actor::user_id(new_seed);
        let step = self.call(clock, 10..=60, intruder, GLOBAL_REGION, "iam", "CreateUser");
        step.request = Some(format!(r#"{{"userName":"{new_user}"}}"#));
        step.response = Some(format!(
            r#"{{"user":{{"path":"/","userName":"{new_user}","userId":"{new_id}","arn":"arn:aws:iam::<account>:user/{new_user}","createDate":"<nowlong>"}}}}"#
        ));
        let step = self.call(
            clock,
            10..=60,
            intruder,
            GLOBAL_REGION,
            "iam",
            "CreateAccessKey",
        );
        step.request = Some(format!(r#"{{"userName":"{new_user}"}}"#));
        step.response = Some(format!(
            r#"{{"accessKey":{{"userName":"{new_user}","accessKeyId":"{new_key}","status":"Active","createDate":"<nowlong>"}}}}"#
        ));
        let step = self.call(
            clock,
            10..=60,
            intruder,
            GLOBAL_REGION,
            "iam",
            "AttachUserPolicy",
        );
        step.request = Some(format!(
            r#"{{"userName":"{new_user}","policyArn":"{ADMINISTRATOR}"}}"#
        ));
    }

    fn onwards(
        &mut self,
        clock: &mut StoryClock,
        newcomer: &Actor,
        assumed_s: i64,
        session_name: &str,
    ) {
        clock.time_s = clock.time_s.max(assumed_s - 400);
        self.call(
            clock,
            10..=60,
            newcomer,
            GLOBAL_REGION,
            "sts",
            "GetCallerIdentity",
        );
        self.call(
            clock,
            10..=60,
            newcomer,
            GLOBAL_REGION,
            "organizations",
            "ListAccounts",
        );
        clock.time_s = assumed_s - 1;
        let role = self.facts.assumed_role.clone();
        let key = self.facts.session_key.clone();
        let role_id = Actor::role_id(&self.target.number, ASSUMED_ROLE);
        let request = format!(r#"{{"roleArn":"{role}","roleSessionName":"{session_name}"}}"#);
        let response = format!(
            r#"{{"credentials":{{"accessKeyId":"{key}","sessionToken":"IQoJb3JpZ2luX2VjTARN==","expiration":"<laterlong:3600>"}},"assumedRoleUser":{{"assumedRoleId":"{role_id}:{session_name}","arn":"arn:aws:sts::{}:assumed-role/{ASSUMED_ROLE}/{session_name}"}}}}"#,
            self.target.number
        );
        let resources = format!(
            r#"{{"accountId":"{}","type":"AWS::IAM::Role","ARN":"{role}"}}"#,
            self.target.number
        );
        let shared = clock.rng.next();
        let step = self.call(clock, 1..=1, newcomer, GLOBAL_REGION, "sts", "AssumeRole");
        step.request = Some(request.clone());
        step.response = Some(response.clone());
        step.resources = Some(resources.clone());
        step.shared = Some(shared);
        let seed = step.seed;
        if self.leaked.number == self.target.number {
            return;
        }
        // The target sees the same call as made by another account.
        clock.time_s = assumed_s - 1;
        let stranger = newcomer.clone().seen_from_outside(&self.leaked.number);
        let step = self.call(clock, 1..=1, &stranger, GLOBAL_REGION, "sts", "AssumeRole");
        step.target = true;
        step.request = Some(request);
        step.response = Some(response);
        step.resources = Some(resources);
        step.shared = Some(shared);
        step.seed = seed;
    }

    fn in_production(&mut self, clock: &mut StoryClock, entered: &Actor) {
        let region = self.facts.target_region.clone();
        let group = self.facts.security_group.clone();
        let from = self.steps.len();
        for (service, name) in [
            ("sts", "GetCallerIdentity"),
            ("ec2", "DescribeInstances"),
            ("ec2", "DescribeSecurityGroups"),
        ] {
            self.call(clock, 10..=50, entered, &region, service, name);
        }
        let step = self.call(
            clock,
            60..=200,
            entered,
            &region,
            "ec2",
            "AuthorizeSecurityGroupIngress",
        );
        step.request = Some(format!(
            r#"{{"groupId":"{group}","ipPermissions":{{"items":[{{"ipProtocol":"tcp","fromPort":22,"toPort":22,"groups":{{}},"ipRanges":{{"items":[{{"cidrIp":"0.0.0.0/0"}}]}},"ipv6Ranges":{{}},"prefixListIds":{{}}}}]}}}}"#
        ));
        step.response = Some(format!(
            r#"{{"requestId":"<requestid>","_return":true,"securityGroupRuleSet":{{"items":[{{"groupOwnerId":"<account>","groupId":"{group}","securityGroupRuleId":"sgr-0a11ed0a11ed0a11e","isEgress":false,"ipProtocol":"tcp","fromPort":22,"toPort":22,"cidrIpv4":"0.0.0.0/0"}}]}}}}"#
        ));
        self.call(
            clock,
            60..=200,
            entered,
            &region,
            "secretsmanager",
            "ListSecrets",
        );
        let n_secrets = clock.rng.between(6, 11) as u32;
        for _ in 0..n_secrets {
            self.call(
                clock,
                3..=20,
                entered,
                &region,
                "secretsmanager",
                "GetSecretValue",
            );
        }
        self.facts.secrets_read = n_secrets;
        let trail_region = region.clone();
        self.call(
            clock,
            60..=300,
            entered,
            &trail_region,
            "cloudtrail",
            "DescribeTrails",
        );
        self.call(
            clock,
            5..=30,
            entered,
            &trail_region,
            "cloudtrail",
            "GetTrailStatus",
        );
        for step in self.steps.iter_mut().skip(from) {
            step.target = true;
        }
    }

    fn silence(&mut self, clock: &mut StoryClock, entered: &Actor) {
        let region = self.facts.target_region.clone();
        let step = self.call(
            clock,
            10..=40,
            entered,
            &region,
            "cloudtrail",
            "StopLogging",
        );
        step.target = true;
        self.facts.silent_from_s = step.time_s;
        clock.skip(18_900..=22_000);
        let on_call = self.target.break_glass();
        let step = self.call(
            clock,
            1..=60,
            &on_call,
            &region,
            "cloudtrail",
            "StartLogging",
        );
        step.target = true;
        self.facts.silent_until_s = step.time_s;
    }

    fn call(
        &mut self,
        clock: &mut StoryClock,
        wait_s: std::ops::RangeInclusive<u64>,
        actor: &Actor,
        region: &str,
        service: &'static str,
        name: &'static str,
    ) -> &mut Step {
        clock.skip(wait_s);
        let step = Step {
            stage: self.stage,
            time_s: clock.time_s,
            target: false,
            region: region.to_owned(),
            service,
            name,
            actor: actor.clone(),
            denied: false,
            request: None,
            response: None,
            resources: None,
            shared: None,
            seed: clock.rng.next(),
        };
        self.steps.push(step);
        self.steps.last_mut().expect("a step was pushed just now")
    }
}

struct StoryClock {
    time_s: i64,
    rng: Rng,
}

impl StoryClock {
    fn skip(&mut self, wait_s: std::ops::RangeInclusive<u64>) {
        self.time_s += self.rng.between(*wait_s.start(), *wait_s.end()) as i64;
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::calls::Catalogue;
    use super::super::template::{Macros, Template};
    use super::*;

    #[test]
    fn every_step_can_be_written() {
        let options = GenerateOptions::new(EVENTS_MIN, PathBuf::new());
        let catalogue = Catalogue::new().unwrap();
        for step in Incident::new(&options).unwrap().steps {
            assert!(
                catalogue.find(step.service, step.name).is_some(),
                "{}",
                step.name
            );
            for text in [step.request, step.response, step.resources]
                .into_iter()
                .flatten()
            {
                Template::new(&text, &Macros::new()).unwrap();
            }
        }
    }

    #[test]
    fn the_story_fits_its_range_and_is_the_same_each_time() {
        for accounts in [1, 2, 12, 40] {
            for days in [1, 2, 31] {
                let mut options = GenerateOptions::new(EVENTS_MIN, PathBuf::new());
                (options.accounts, options.days) = (accounts, days);
                let incident = Incident::new(&options).unwrap();
                let found = incident.facts.clone();
                assert_eq!(Incident::new(&options).unwrap().facts, found);
                assert!(
                    incident.steps.iter().all(|step| {
                        (options.start_s()..options.end_s()).contains(&step.time_s)
                    })
                );
                assert_eq!(accounts == 1, found.leaked_account == found.target_account);
                assert!(found.silent_from_s + 5 * 3_600 < found.silent_until_s);
                assert!((35..60).contains(&found.denied_calls));
                assert!(u64::from(found.events) < EVENTS_MIN / 4);
            }
        }
        let too_few = GenerateOptions::new(EVENTS_MIN - 1, PathBuf::new());
        assert!(Incident::new(&too_few).is_none());
    }
}
