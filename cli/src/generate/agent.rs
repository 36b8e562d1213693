//! User agents: what calls say they were made with.

use super::random::{Rng, derive, salt};

/// What calls say they were made with.
#[derive(Clone, Debug)]
pub enum Agent {
    Fixed(String),
    /// The AWS CLI, which ends its text with the command: `… md/command#ec2.describe-vpcs`.
    CommandLine(String),
}

/// The user agents of the SDKs; one of a few hundred.
pub fn sdk_agent(seed: u64) -> Agent {
    let mut rng = Rng::new(derive(seed, salt("agent")));
    let minor = 34 + rng.skewed(6);
    let patch = rng.skewed(48);
    let kernel = [
        "5.10.230-223.885.amzn2",
        "6.1.119-129.201.amzn2023",
        "6.8.0-1021-aws",
    ];
    let kernel = rng.pick(&kernel).copied().unwrap_or_default();
    let python = 9 + rng.skewed(5);
    Agent::Fixed(match rng.below(8) {
        0 | 1 => format!(
            "Boto3/1.{minor}.{patch} md/Botocore#1.{minor}.{patch} ua/2.0 os/linux#{kernel}.x86_64 md/arch#x86_64 lang/python#3.{python}.18 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.{minor}.{patch}"
        ),
        2 => format!(
            "APN/1.0 HashiCorp/1.0 Terraform/1.{}.{} (+https://www.terraform.io) terraform-provider-aws/5.{minor}.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.{minor}.{} os/linux lang/go#1.2{}.4 md/GOOS#linux md/GOARCH#amd64",
            rng.between(5, 9),
            rng.below(8),
            patch % 7,
            rng.below(4)
        ),
        3 => format!(
            "aws-sdk-java/2.{minor}.{patch} Linux/{kernel}.x86_64 OpenJDK_64-Bit_Server_VM/17.0.{}+9-LTS Java/17.0.9 vendor/Amazon.com_Inc. io/sync http/Apache cfg/retry-mode/standard",
            patch % 12
        ),
        4 => format!(
            "aws-sdk-js/3.{}.0 ua/2.0 os/linux#{kernel}.x86_64 lang/js md/nodejs#20.{}.1 api/client#3.{}.0 exec-env/AWS_Lambda_nodejs20.x",
            500 + patch,
            patch % 18,
            500 + patch
        ),
        5 => format!(
            "aws-sdk-go/1.{minor}.{patch} (go1.2{}.4; linux; amd64)",
            rng.below(4)
        ),
        6 => format!(
            "aws-sdk-go-v2/1.{minor}.{} os/linux lang/go#1.2{}.1 md/GOOS#linux md/GOARCH#arm64 api/client#1.{minor}.{patch}",
            patch % 7,
            rng.below(4)
        ),
        _ => return command_line_agent(seed),
    })
}

/// The AWS CLI.
pub fn command_line_agent(seed: u64) -> Agent {
    let mut rng = Rng::new(derive(seed, salt("cli")));
    let system = ["linux#6.8.0-45-generic", "macos#24.1.0", "windows#10"];
    Agent::CommandLine(format!(
        "aws-cli/2.{}.{} md/awscrt#0.21.{} ua/2.0 os/{} md/arch#x86_64 lang/python#3.12.6 md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off",
        15 + rng.skewed(6),
        rng.skewed(6),
        rng.below(3),
        rng.pick(&system).copied().unwrap_or_default()
    ))
}

/// Browsers and the console's own back ends.
pub fn browser_agent(seed: u64) -> Agent {
    let mut rng = Rng::new(derive(seed, salt("browser")));
    let version = 120 + rng.skewed(20);
    Agent::Fixed(match rng.below(5) {
        0 | 1 => "AWS Internal".to_owned(),
        2 => format!(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
        ),
        3 => format!(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"
        ),
        _ => format!(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
        ),
    })
}
