//! What the path of a log file in S3's layout says of its content.
//!
//! `AWSLogs/ACCOUNT/CloudTrail/REGION/2024/05/01/ACCOUNT_CloudTrail_REGION_20240501T0005Z_x.json.gz`;
//! the file's name alone says the same.

use chrono::NaiveDate;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPath {
    pub account: Option<String>,
    pub region: Option<String>,
    pub date: Option<NaiveDate>,
}

impl LogPath {
    pub fn read(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        let parts: Vec<&str> = name.split('_').collect();
        let [account, _kind, region, time, ..] = parts.as_slice() else {
            return Self::default();
        };
        let date = time
            .get(..8)
            .and_then(|day| NaiveDate::parse_from_str(day, "%Y%m%d").ok());
        if date.is_none() {
            return Self::default();
        }
        Self {
            account: Some((*account).to_owned()),
            region: Some((*region).to_owned()),
            date,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells() {
        let path = LogPath::read("/x/111122223333_CloudTrail_eu-west-1_20240501T0005Z_abc.json.gz");
        assert_eq!(path.account.as_deref(), Some("111122223333"));
        assert_eq!(path.region.as_deref(), Some("eu-west-1"));
        assert_eq!(path.date, NaiveDate::from_ymd_opt(2024, 5, 1));
        assert_eq!(LogPath::read("/x/my_own_log_file.json"), LogPath::default());
    }
}
