//! Events with every oddity, out of a seed.

/// Numbers that look random and are the same in every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }

    pub fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }
}

const SCALARS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "12",
    "-7",
    "12.0",
    "1e2",
    "9223372036854775807",
    "9223372036854775808",
    "\"\"",
    "\"12\"",
    "\"true\"",
    "\"GetObject\"",
    "\"Get Object/v2\"",
    "\"getobject\"",
    "\"AKIAIOSFODNN7EXAMPLE\"",
    "\"x akiaiosfodnn7example y\"",
    "\"0f3b2c1d-0000-4a4a-8b8b-0123456789ab\"",
    "\"é☃\"",
    "\"q\\\"uo\\u0074e\"",
    "\"{}\"",
    "\"2023-01-01T00:00:05Z\"",
    "\"10.0.0.1\"",
];

/// A long text, once as a token and once as words.
fn long(random: &mut Random) -> String {
    match random.below(2) {
        0 => format!("\"{}\"", "x1".repeat(2500)),
        _ => format!("\"{}GetObject\"", "word ".repeat(1000)),
    }
}

fn value(random: &mut Random, depth: usize) -> String {
    match random.below(if depth < 3 { 14 } else { 9 }) {
        0..=7 => random.pick(SCALARS).to_owned(),
        8 if random.below(4) == 0 => long(random),
        8 => "12".into(),
        9 | 10 => {
            let n = random.below(4);
            let elements: Vec<String> = (0..n).map(|_| value(random, depth + 1)).collect();
            format!("[{}]", elements.join(", "))
        }
        _ => object(
            random,
            depth + 1,
            &["a", "b", "0", "b.c", "k[1]", "ключ", "a"],
        ),
    }
}

fn object(random: &mut Random, depth: usize, keys: &[&str]) -> String {
    let mut members = Vec::new();
    for key in keys {
        if random.below(2) == 0 {
            members.push(format!("\"{key}\": {}", value(random, depth)));
        }
    }
    format!("{{{}}}", members.join(","))
}

pub fn record(random: &mut Random, n: usize) -> String {
    let second = random.below(20);
    let time = match random.below(8) {
        0 => format!("2023-01-01T00:00:{second:02}.500Z"),
        1 => format!("2023-01-01 00:00:{second:02}"),
        _ => format!("2023-01-01T00:00:{second:02}Z"),
    };
    let account = match random.below(4) {
        0 => String::new(),
        a => format!("\"recipientAccountId\":\"11112222333{a}\","),
    };
    let region = random.pick(&["\"us-east-1\"", "\"eu-west-1\"", "null", "7"]);
    let long_key = match random.below(20) {
        0 => format!("\"{}\": 12,", "k".repeat(600)),
        _ => String::new(),
    };
    let rest = object(
        random,
        0,
        &[
            "eventName",
            "requestParameters",
            "resources",
            "userIdentity",
            "open",
            "readOnly",
            "open",
        ],
    );
    let rest = rest.trim_start_matches('{');
    let comma = if rest == "}" { "" } else { "," };
    format!(
        "{{{long_key}\"eventTime\":\"{time}\",{account}\"awsRegion\":{region},\"eventID\":\"id-{}\"{comma}{rest}",
        n % 97
    )
}
