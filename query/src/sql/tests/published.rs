//! Published texts, which are no part of this repository.

use super::*;

/// Runs every `.sql` file of the folder `TARN_SQL_TEXTS`, placeholders and Athena's
/// partition columns filled in, and prints which do not run and why. The published texts are no part of this repository.
#[test]
#[ignore = "reads a folder of texts that is given by TARN_SQL_TEXTS"]
fn published_texts_plan() {
    let folder = std::env::var("TARN_SQL_TEXTS").expect("TARN_SQL_TEXTS names a folder");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("a folder")
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "sql"))
        .collect();
    files.sort();
    let placeholder = regex::Regex::new(r"(?i)(from|join)(\s+)<[^>]+>").expect("a pattern");
    let mut planned_files = 0;
    for path in &files {
        let text = std::fs::read_to_string(path).expect("readable");
        let filled = placeholder
            .replace_all(&text, "${1}${2}events")
            .replace("${date_filter}", "2023-07-01 00:00:00")
            .replace("date_partition", "date_format(eventtime, '%Y/%m/%d')")
            .replace("account_partition", "recipientaccountid")
            .replace("region_partition", "awsregion");
        let shown = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match run_with(&filled, &[]) {
            Ok(_) => planned_files += 1,
            Err(error) => println!("--- {shown}\n{error}\n"),
        }
    }
    println!("{planned_files} of {} run", files.len());
}
