//! An account: its number, regions, people, roles and machines.
//!
//! **Numbers.** The first twelve are those that AWS's documentation uses in its examples
//! (111122223333, 123456789012 …); after them comes 900000000001 and so on. None of them
//! is taken from anybody's logs.

use super::actor::{Actor, Address, Kind, Role};
use super::agent::{Agent, sdk_agent};
use super::ids;
use super::names;
use super::random::{Rng, Weighted, derive, salt};

const DOCUMENTED: [&str; 12] = [
    "111122223333",
    "444455556666",
    "777788889999",
    "123456789012",
    "111111111111",
    "222222222222",
    "333333333333",
    "444444444444",
    "555555555555",
    "666666666666",
    "777777777777",
    "888888888888",
];

const LABELS: [&str; 12] = [
    "prod", "staging", "data", "shared", "dev", "security", "logs", "network", "sandbox", "build",
    "billing", "research",
];

const REGIONS: [&str; 10] = [
    "eu-west-1",
    "eu-central-1",
    "us-west-2",
    "us-east-2",
    "ap-northeast-1",
    "ap-southeast-2",
    "ap-south-1",
    "ca-central-1",
    "sa-east-1",
    "eu-north-1",
];

/// Where global services log.
pub const GLOBAL_REGION: &str = "us-east-1";

/// The user whose key deploys; every account has one.
pub const DEPLOY_USER: &str = "ci-deploy";

/// The number of the `index`-th account.
pub fn number(index: u32) -> String {
    match DOCUMENTED.get(index as usize) {
        Some(number) => (*number).to_owned(),
        None => (900_000_000_001 + u64::from(index) - DOCUMENTED.len() as u64).to_string(),
    }
}

/// One account and whoever acts in it.
#[derive(Clone, Debug)]
pub struct Account {
    pub number: String,
    /// What it is for, as it shows in names: `prod`, `data-2`.
    pub label: String,
    pub seed: u64,
    pub home_region: String,
    /// Regions with their weights, most used first.
    pub regions: Vec<&'static str>,
    pub region_weights: Vec<u64>,
    /// How many instances, tables, keys … of each kind there are.
    pub n_things: u64,
    pub users: Vec<String>,
    pub roles: Vec<String>,
    actors: Vec<Vec<Actor>>,
}

impl Account {
    /// The `index`-th account of those made from `seed`. The more events it has in all, the
    /// more people and things there are.
    pub fn new(seed: u64, index: u32, n_events: u64) -> Self {
        let seed = derive(derive(seed, salt("account")), u64::from(index));
        let mut rng = Rng::new(seed);
        let kind = LABELS
            .get(index as usize % LABELS.len())
            .copied()
            .unwrap_or_default();
        let label = match index as usize / LABELS.len() {
            0 => kind.to_owned(),
            round => format!("{kind}-{}", round + 1),
        };
        let mut regions = vec![GLOBAL_REGION];
        let mut region_weights = vec![rng.between(350, 600)];
        for _ in 0..rng.between(1, 4) {
            let region = rng.pick(&REGIONS).copied().unwrap_or(GLOBAL_REGION);
            if !regions.contains(&region) {
                region_weights.push(rng.between(300, 400) >> (regions.len() - 1));
                regions.push(region);
            }
        }
        let home_region = regions.get(1).copied().unwrap_or(GLOBAL_REGION).to_owned();
        let mut account = Account {
            number: number(index),
            label,
            seed,
            home_region,
            regions,
            region_weights,
            n_things: 8 + n_events.isqrt() / 2,
            users: vec![DEPLOY_USER.to_owned()],
            roles: Vec::new(),
            actors: Vec::new(),
        };
        account.actors = Kind::ALL.iter().map(|&kind| account.people(kind)).collect();
        account
    }

    /// Those of one kind, the busiest first. Empty for services, which the calls name.
    pub fn actors(&self, kind: Kind) -> &[Actor] {
        let place = Kind::ALL.iter().position(|&k| k == kind);
        place
            .and_then(|place| self.actors.get(place))
            .map_or(&[], Vec::as_slice)
    }

    /// The seed of the deploying user, whose key an intruder may hold.
    pub fn deploy_seed(&self) -> u64 {
        derive(self.seed, salt(DEPLOY_USER))
    }

    /// The platform team's role for emergencies.
    pub fn break_glass(&self) -> Actor {
        let role = Role::new(
            "/aws-reserved/sso.amazonaws.com/",
            "AWSReservedSSO_BreakGlass",
        );
        let seed = derive(self.seed, salt("break glass"));
        Actor::sso(&self.number, &role, "oncall@corp.example", seed)
    }

    /// Weights to draw a region's place by.
    pub fn region_chance(&self) -> Weighted {
        Weighted::new(self.region_weights.iter().copied())
    }

    fn people(&mut self, kind: Kind) -> Vec<Actor> {
        let count = match kind {
            Kind::Human => 3 + self.n_things / 8,
            Kind::Ci => 2 + self.n_things / 20,
            Kind::Config => 3,
            Kind::Instance => 4 + self.n_things / 2,
            Kind::Lambda => 3 + self.n_things / 3,
            Kind::Pod => 3 + self.n_things / 5,
            Kind::Foreign => 2 + self.n_things / 10,
            Kind::Federated => 2 + self.n_things / 10,
            Kind::Root => 1,
            Kind::Service | Kind::Event => 0,
        };
        (0..count).map(|index| self.actor(kind, index)).collect()
    }

    fn actor(&mut self, kind: Kind, index: u64) -> Actor {
        let seed = derive(derive(self.seed, salt(kind.name())), index);
        let number = self.number.clone();
        match kind {
            Kind::Human if seed % 5 < 2 => {
                let person = names::person(seed);
                self.users.push(person.clone());
                if seed.is_multiple_of(2) {
                    Actor::console_user(&number, &person, seed)
                } else {
                    Actor::user(&number, &person, seed)
                }
            }
            Kind::Human => {
                let sets = [
                    "AdministratorAccess",
                    "PowerUserAccess",
                    "ReadOnly",
                    "Billing",
                ];
                let set = sets
                    .get(seed as usize % sets.len())
                    .copied()
                    .unwrap_or_default();
                let mut name = format!("AWSReservedSSO_{set}_").into_bytes();
                ids::push_hex(&mut name, derive(self.seed, salt(set)), 16);
                let name = String::from_utf8_lossy(&name).into_owned();
                let role = self.role("/aws-reserved/sso.amazonaws.com/", &name);
                let email = format!("{}@corp.example", names::person(seed));
                Actor::sso(&number, &role, &email, seed)
            }
            Kind::Ci if index == 0 => Actor::user(&number, DEPLOY_USER, self.deploy_seed()),
            Kind::Ci if index == 1 || seed.is_multiple_of(3) => {
                let name = format!("svc-{}", names::name(seed));
                self.users.push(name.clone());
                Actor::user(&number, &name, seed)
            }
            Kind::Ci => {
                let role = self.role("/ci/", &format!("{}-deploy", names::name(seed)));
                let agent = sdk_agent(seed);
                Actor::role(&number, &role, "§session", seed).from(Address::PerSession, agent)
            }
            Kind::Config => {
                let (path, name, session) = match index {
                    0 => ("config", "AWSServiceRoleForConfig", "AWSConfig-Describe"),
                    1 => (
                        "access-analyzer",
                        "AWSServiceRoleForAccessAnalyzer",
                        "access-analyzer",
                    ),
                    _ => ("securityhub", "AWSServiceRoleForSecurityHub", "securityhub"),
                };
                let path = format!("/aws-service-role/{path}.amazonaws.com/");
                Actor::role(&number, &self.role(&path, name), session, seed)
            }
            // Outside AWS, with a key.
            Kind::Instance if seed % 10 < 4 => {
                let name = format!("app-{}", names::name(seed));
                self.users.push(name.clone());
                Actor::user(&number, &name, seed)
            }
            Kind::Instance => {
                let role = self.role("/", &format!("{}-instance", names::name(seed % 24)));
                let mut instance = b"i-".to_vec();
                let thing = derive(derive(self.seed, salt("instance")), index);
                ids::push_long_hex(&mut instance, thing, 17);
                let session = String::from_utf8_lossy(&instance).into_owned();
                let actor = Actor::role(&number, &role, &session, seed);
                self.placed(actor, sdk_agent(seed % 40), seed)
            }
            Kind::Lambda => {
                let mut function = Vec::new();
                let thing = derive(derive(self.seed, salt("function")), index);
                names::push_name(&mut function, thing);
                let function = String::from_utf8_lossy(&function).into_owned();
                let role = self.role("/service-role/", &format!("{function}-role"));
                let actor = Actor::role(&number, &role, &function, seed);
                self.placed(actor, sdk_agent(seed % 60), seed)
            }
            Kind::Pod => {
                let role = self.role("/eks/", &format!("eks-{}", names::name(seed)));
                let actor = Actor::role(&number, &role, "§session", seed);
                self.placed(actor, sdk_agent(seed % 60), seed)
            }
            Kind::Foreign => Actor::foreign(&self::number((seed % 40) as u32), seed),
            Kind::Federated => Actor::federated(&number, &self.home_region, seed),
            // Services have no actors of their own here, so this is the root user alone.
            Kind::Root | Kind::Service | Kind::Event => Actor::root(&number, seed),
        }
    }

    /// A role of this account, added to its list.
    fn role(&mut self, path: &str, name: &str) -> Role {
        if !self.roles.iter().any(|role| role == name) {
            self.roles.push(name.to_owned());
        }
        Role::new(path, name)
    }

    /// Three of four machines call through a VPC endpoint.
    fn placed(&self, actor: Actor, agent: Agent, seed: u64) -> Actor {
        let actor = actor.from(Address::PerSession, agent);
        if derive(seed, salt("placed")).is_multiple_of(4) {
            actor
        } else {
            actor.inside(derive(self.seed, seed % 3))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_distinct_and_twelve_digits() {
        let numbers: std::collections::HashSet<String> = (0..2_000).map(number).collect();
        assert_eq!(numbers.len(), 2_000);
        assert!(
            numbers
                .iter()
                .all(|n| n.len() == 12 && n.bytes().all(|b| b.is_ascii_digit()))
        );
    }

    #[test]
    fn accounts_have_everybody() {
        let account = Account::new(1, 3, 100_000);
        for kind in Kind::ALL {
            let none = matches!(kind, Kind::Service | Kind::Event);
            assert_eq!(account.actors(kind).is_empty(), none, "{kind:?}");
        }
        assert_eq!(account.regions.len(), account.region_weights.len());
        assert_eq!(account.users[0], DEPLOY_USER);
        assert!(account.roles.len() > 50);
    }
}
