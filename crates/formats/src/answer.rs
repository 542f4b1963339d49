//! The page's questions, answered.

use crate::{Link, Question, decode, encode, import_telling, model_json, model_yaml, object_yaml};
use wire::Wire;

/// Answers a [`Question`] in its wire form; `None` if it is not one. Tells now and then how much of how much is done.
pub fn answer(question: &[u8], tell: &mut dyn FnMut(usize, usize)) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match wire::decode(question)? {
        Question::Import(sources) => import_telling(&sources, tell).write(&mut out),
        Question::ObjectYaml(object) => object_yaml(&object).write(&mut out),
        Question::ClusterYaml(model) => model_yaml(&model).write(&mut out),
        Question::ClusterJson(model) => model_json(&model).write(&mut out),
        Question::WriteLink(link) => encode(&link).map_err(|error| error.to_string()).write(&mut out),
        Question::ReadLink(link) => decode::<Link>(&link).map_err(|error| error.to_string()).write(&mut out),
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Import, PRESETS, import};
    use model::{Edit, Transport};

    fn ask<T: Wire>(question: Question) -> T {
        answer(&wire::encode(&question), &mut |_, _| {})
            .as_deref()
            .and_then(wire::decode)
            .expect("an answer of that type")
    }

    #[test]
    fn answers_are_what_the_functions_give() {
        for preset in PRESETS {
            let direct = import(&preset.sources());
            assert_eq!(ask::<Import>(Question::Import(preset.sources())), direct, "{}", preset.name);
            for object in direct.model.objects() {
                assert_eq!(ask::<String>(Question::ObjectYaml(object.clone())), object_yaml(&object));
            }
            assert_eq!(ask::<String>(Question::ClusterYaml(direct.model.clone())), model_yaml(&direct.model));
            assert_eq!(ask::<String>(Question::ClusterJson(direct.model.clone())), model_json(&direct.model));
            let puts: Vec<Edit> = direct.model.objects().map(Edit::Put).collect();
            let link = Link {
                preset: Some(preset.name.to_owned()),
                edit: Some(Edit::Many { edits: puts }),
                from: "198.51.100.7".into(),
                to: "svc/default/echo-service:80".into(),
                protocol: Transport::Udp,
                host: Some("shop.example.com".into()),
                path: Some("/a".into()),
                via: None,
            };
            let text = ask::<Result<String, String>>(Question::WriteLink(link.clone())).expect("a link");
            assert_eq!(ask::<Result<Link, String>>(Question::ReadLink(text)), Ok(link));
        }
    }

    #[test]
    fn refusals_are_answers_too() {
        let broken = ask::<Import>(Question::Import(vec![crate::Source::new("a", *b"a: [")]));
        assert!(broken.has_errors());
        assert_eq!(broken, import(&[crate::Source::new("a", *b"a: [")]));
        assert!(ask::<Result<Link, String>>(Question::ReadLink("v1.AAAA".into())).is_err());
        assert_eq!(answer(&[99], &mut |_, _| {}), None);
    }
}
