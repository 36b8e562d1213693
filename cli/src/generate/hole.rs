//! What stands in the holes of templates: ids, names and values of one event.
//!
//! A hole that names a thing of the account picks one of the account's things of that
//! kind, the busiest most often; which one follows from the event's seed for things, so
//! the same hole is the same thing wherever it stands in one event.

use super::clock;
use super::ids;
use super::names;
use super::random::{Rng, derive, salt};
use super::template::{Scene, TemplateError};

/// What stands in a hole.
#[derive(Clone, Debug)]
pub enum Hole {
    /// An id of a resource: prefix and hexadecimal digits.
    Id {
        prefix: &'static str,
        digits: u32,
        thing: Thing,
    },
    Name(Thing),
    ThingUuid(Thing),
    ThingHex {
        digits: u32,
        thing: Thing,
    },
    Bucket(Thing),
    ObjectKey,
    User(Thing),
    Role(Thing),
    Secret(Thing),
    Parameter(Thing),
    KmsKey(Thing),
    Uuid,
    UpperUuid,
    Hex(u32),
    Base64(u32),
    Upper(u32),
    Between {
        low: u64,
        high: u64,
    },
    LogBetween {
        low: u64,
        high: u64,
    },
    Bool {
        permille: u32,
    },
    AccessKey {
        long_term: bool,
    },
    Account,
    OtherAccount,
    Region,
    Zone,
    Now,
    NowLong,
    LaterLong {
        seconds: i64,
    },
    Earlier {
        seconds: i64,
    },
    EarlierLong {
        seconds: i64,
    },
    Date,
    Email,
    Actor,
    Action,
    RequestId,
    Address,
    PrivateAddress,
    Word,
    /// Further keys of an endless vocabulary, each with a comma before it.
    Open {
        permille: u32,
    },
}

/// Which of an account's things of one kind: salted by kind, the same all through an event
/// unless fresh.
#[derive(Clone, Copy, Debug)]
pub struct Thing {
    kind: u64,
    fresh: bool,
}

impl Thing {
    fn index(self, scene: &Scene, rng: &mut Rng, pool: u64) -> u64 {
        if self.fresh {
            rng.mostly_first(pool)
        } else {
            Rng::new(derive(scene.things, self.kind)).mostly_first(pool)
        }
    }

    /// The seed of the thing itself.
    fn seed(self, scene: &Scene, rng: &mut Rng) -> u64 {
        let index = self.index(scene, rng, scene.account.n_things);
        derive(derive(scene.account.seed, self.kind), index)
    }
}

/// Holes `<vpc>` and their like: prefix and number of digits.
const IDS: [(&str, &str, u32); 22] = [
    ("instance", "i-", 17),
    ("volume", "vol-", 17),
    ("snapshot", "snap-", 17),
    ("image", "ami-", 17),
    ("vpc", "vpc-", 17),
    ("subnet", "subnet-", 17),
    ("sg", "sg-", 17),
    ("sgrule", "sgr-", 17),
    ("eni", "eni-", 17),
    ("rtb", "rtb-", 17),
    ("rtbassoc", "rtbassoc-", 17),
    ("igw", "igw-", 17),
    ("nat", "nat-", 17),
    ("eip", "eipalloc-", 17),
    ("acl", "acl-", 17),
    ("lt", "lt-", 17),
    ("vpce", "vpce-", 17),
    ("flowlog", "fl-", 17),
    ("reservation", "r-", 17),
    ("zoneid", "Z", 13),
    ("fsid", "fs-", 17),
    ("commandid", "", 16),
];

impl Hole {
    /// Reads what stands between `<` and `>`.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        let (text, fresh) = match text.strip_suffix('*') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let mut arguments = text.split(':');
        let name = arguments.next().unwrap_or_default();
        let arguments: Vec<&str> = arguments.collect();
        let no_number = || TemplateError::NoNumber {
            name: text.to_owned(),
        };
        let number = |place: usize| -> Result<u64, TemplateError> {
            let argument = arguments.get(place).ok_or_else(no_number)?;
            argument.parse().map_err(|_| no_number())
        };
        // The kind of thing is the hole's name with its first argument: <name:table>.
        let kind = arguments.first().copied().unwrap_or(name);
        let thing = Thing {
            kind: salt(kind),
            fresh,
        };
        if let Some(&(_, prefix, digits)) = IDS.iter().find(|(id, ..)| *id == name) {
            return Ok(Hole::Id {
                prefix,
                digits,
                thing,
            });
        }
        Ok(match name {
            "name" => Hole::Name(thing),
            "thing" => Hole::ThingUuid(thing),
            "thinghex" => Hole::ThingHex {
                digits: number(1)? as u32,
                thing,
            },
            "bucket" => Hole::Bucket(thing),
            "object" => Hole::ObjectKey,
            "user" => Hole::User(thing),
            "role" => Hole::Role(thing),
            "secret" => Hole::Secret(thing),
            "parameter" => Hole::Parameter(thing),
            "kms" => Hole::KmsKey(thing),
            "uuid" => Hole::Uuid,
            "UUID" => Hole::UpperUuid,
            "hex" => Hole::Hex(number(0)? as u32),
            "b64" => Hole::Base64(number(0)? as u32),
            "upper" => Hole::Upper(number(0)? as u32),
            "int" => Hole::Between {
                low: number(0)?,
                high: number(1)?,
            },
            "log" => Hole::LogBetween {
                low: number(0)?,
                high: number(1)?,
            },
            "bool" => Hole::Bool {
                permille: number(0)? as u32,
            },
            "akia" => Hole::AccessKey { long_term: true },
            "asia" => Hole::AccessKey { long_term: false },
            "account" => Hole::Account,
            "other" => Hole::OtherAccount,
            "region" => Hole::Region,
            "zone" => Hole::Zone,
            "now" => Hole::Now,
            "nowlong" => Hole::NowLong,
            "laterlong" => Hole::LaterLong {
                seconds: number(0)? as i64,
            },
            "earlier" => Hole::Earlier {
                seconds: number(0)? as i64,
            },
            "earlierlong" => Hole::EarlierLong {
                seconds: number(0)? as i64,
            },
            "date" => Hole::Date,
            "email" => Hole::Email,
            "actor" => Hole::Actor,
            "action" => Hole::Action,
            "requestid" => Hole::RequestId,
            "ip" => Hole::Address,
            "privateip" => Hole::PrivateAddress,
            "word" => Hole::Word,
            "open" => Hole::Open {
                permille: number(0)? as u32,
            },
            _ => {
                return Err(TemplateError::UnknownHole {
                    name: text.to_owned(),
                });
            }
        })
    }

    /// Appends what belongs in the hole.
    pub fn fill(&self, scene: &Scene, rng: &mut Rng, out: &mut Vec<u8>) {
        let push = |out: &mut Vec<u8>, text: &str| out.extend_from_slice(text.as_bytes());
        match *self {
            Hole::Id {
                prefix,
                digits,
                thing,
            } => {
                push(out, prefix);
                ids::push_long_hex(out, thing.seed(scene, rng), digits);
            }
            Hole::Name(thing) => names::push_name(out, thing.seed(scene, rng)),
            Hole::ThingUuid(thing) => ids::push_uuid(out, thing.seed(scene, rng)),
            Hole::ThingHex { digits, thing } => {
                ids::push_long_hex(out, thing.seed(scene, rng), digits);
            }
            Hole::Bucket(thing) => {
                let seed = thing.seed(scene, rng);
                names::push_bucket(out, seed, &scene.account.label, &scene.account.home_region);
            }
            Hole::ObjectKey => {
                let place = derive(scene.things, salt("object"));
                let object = derive(scene.seed, salt("object"));
                let Scene {
                    account,
                    region,
                    time_s,
                    ..
                } = *scene;
                names::push_object_key(out, place, object, &account.number, region, time_s);
            }
            Hole::User(thing) => {
                let users = &scene.account.users;
                let index = thing.index(scene, rng, users.len() as u64);
                push(
                    out,
                    users.get(index as usize).map_or("nobody", String::as_str),
                );
            }
            Hole::Role(thing) => {
                let roles = &scene.account.roles;
                let index = thing.index(scene, rng, roles.len() as u64);
                push(
                    out,
                    roles.get(index as usize).map_or("none", String::as_str),
                );
            }
            Hole::Secret(thing) => {
                let seed = thing.seed(scene, rng);
                push_arn(out, scene, "secretsmanager", "secret:");
                push(out, &scene.account.label);
                out.push(b'/');
                names::push_name(out, seed);
                out.push(b'-');
                ids::push_base32(out, derive(seed, 1), 6);
            }
            Hole::Parameter(thing) => {
                out.push(b'/');
                push(out, &scene.account.label);
                out.push(b'/');
                names::push_name(out, thing.seed(scene, rng));
                push(out, "/db-url");
            }
            Hole::KmsKey(thing) => {
                push_arn(out, scene, "kms", "key/");
                ids::push_uuid(out, thing.seed(scene, rng));
            }
            Hole::Uuid => ids::push_uuid(out, rng.next()),
            Hole::UpperUuid => {
                let start = out.len();
                ids::push_uuid(out, rng.next());
                if let Some(uuid) = out.get_mut(start..) {
                    uuid.make_ascii_uppercase();
                }
            }
            Hole::Hex(digits) => ids::push_long_hex(out, rng.next(), digits),
            Hole::Base64(count) => ids::push_base64(out, rng.next(), count),
            Hole::Upper(count) => ids::push_upper(out, rng.next(), count),
            Hole::Between { low, high } => ids::push_number(out, rng.between(low, high)),
            Hole::LogBetween { low, high } => ids::push_number(out, rng.log_between(low, high)),
            Hole::Bool { permille } => {
                push(
                    out,
                    if rng.permille(permille) {
                        "true"
                    } else {
                        "false"
                    },
                );
            }
            Hole::AccessKey { long_term } => ids::push_access_key(out, long_term, rng.next()),
            Hole::Account => push(out, &scene.account.number),
            Hole::OtherAccount => push(out, scene.other_account),
            Hole::Region => push(out, scene.region),
            Hole::Zone => {
                push(out, scene.region);
                out.push(b'a' + rng.below(3) as u8);
            }
            Hole::Now => clock::push_iso(out, scene.time_s),
            Hole::NowLong => clock::push_long(out, scene.time_s),
            Hole::LaterLong { seconds } => clock::push_long(out, scene.time_s + seconds),
            Hole::Earlier { seconds } => {
                let before_s = rng.below(seconds as u64) as i64;
                clock::push_iso(out, scene.time_s - before_s);
            }
            Hole::EarlierLong { seconds } => {
                let before_s = rng.below(seconds as u64) as i64;
                clock::push_long(out, scene.time_s - before_s);
            }
            Hole::Date => clock::push_date(out, scene.time_s, "-"),
            Hole::Email => {
                let person = rng.skewed(scene.account.n_things);
                push(out, &names::person(derive(scene.account.seed, person)));
                push(out, "@corp.example");
            }
            Hole::Actor => push(out, scene.actor_arn),
            Hole::Action => push(out, scene.action),
            Hole::RequestId => scene.push_request_id(out),
            Hole::Address => ids::push_address(out, rng.next()),
            Hole::PrivateAddress => ids::push_private_address(out, rng.next()),
            Hole::Word => names::push_word(out, rng),
            Hole::Open { permille } => {
                let mut known = Vec::new();
                while rng.permille(permille) {
                    let index = rng.open_ended();
                    if known.contains(&index) {
                        continue;
                    }
                    known.push(index);
                    out.extend_from_slice(b",\"");
                    names::push_parameter(out, index);
                    out.extend_from_slice(b"\":");
                    names::push_parameter_value(out, index, rng);
                }
            }
        }
    }
}

fn push_arn(out: &mut Vec<u8>, scene: &Scene, service: &str, resource: &str) {
    for text in [
        "arn:aws:",
        service,
        ":",
        scene.region,
        ":",
        &scene.account.number,
        ":",
    ] {
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(resource.as_bytes());
}
