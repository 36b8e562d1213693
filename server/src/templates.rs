//! The templates of the routes, `/v1/stores/{store}`, and what methods each takes.

/// Every template with its methods, in capitals.
pub struct Templates(Vec<(String, Vec<String>)>);

impl Templates {
    pub fn new(templates: impl Iterator<Item = (String, Vec<String>)>) -> Self {
        Self(templates.collect())
    }

    /// The template of a path.
    pub fn of(&self, path: &str) -> Option<&str> {
        self.find(path).map(|(template, _)| template.as_str())
    }

    /// The methods that a path takes.
    pub fn methods(&self, path: &str) -> &[String] {
        self.find(path).map_or(&[], |(_, methods)| methods)
    }

    fn find(&self, path: &str) -> Option<&(String, Vec<String>)> {
        let is_of = |template: &str| {
            let mut given = path.split('/');
            let is_same = template.split('/').all(|wanted| {
                let is_any = wanted.starts_with('{');
                given.next().is_some_and(|part| match is_any {
                    true => !part.is_empty(),
                    false => part == wanted,
                })
            });
            is_same && given.next().is_none()
        };
        // One that is written out goes before one with a place for anything.
        let fitting = self.0.iter().filter(|(template, _)| is_of(template));
        fitting.min_by_key(|(template, _)| template.matches('{').count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_of_paths() {
        let paths = [
            "/v1/stores",
            "/v1/stores/{store}",
            "/v1/stores/{store}/restore",
            "/v1/imports/all",
            "/v1/imports/{id}",
        ];
        let with_methods = |path: &str| (path.to_owned(), vec![format!("GET of {path}")]);
        let templates = Templates::new(paths.into_iter().map(with_methods));
        for (path, template) in [
            ("/v1/stores", Some("/v1/stores")),
            ("/v1/stores/secret-name", Some("/v1/stores/{store}")),
            (
                "/v1/stores/secret/restore",
                Some("/v1/stores/{store}/restore"),
            ),
            ("/v1/imports/all", Some("/v1/imports/all")),
            ("/v1/imports/7", Some("/v1/imports/{id}")),
            ("/v1/stores/", None),
            ("/v1/stores/a/b", None),
            ("/secret", None),
        ] {
            assert_eq!(templates.of(path), template, "{path}");
        }
        assert_eq!(templates.methods("/v1/stores"), ["GET of /v1/stores"]);
        assert!(templates.methods("/secret").is_empty());
    }
}
