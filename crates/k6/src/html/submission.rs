//! The requests that a page leads to: its forms submitted, its links clicked.

use super::address::Address;
use super::error::Error;
use super::form::{Field, FieldValue, query};
use super::selection::Selection;
use super::selector::Selector;

/// The form that `submitForm` takes if it is told none.
pub const DEFAULT_FORM: &str = "form";
/// The button that `submitForm` presses if it is told none.
pub const DEFAULT_SUBMIT: &str = "[type=\"submit\"]";
/// The link that `clickLink` takes if it is told none.
pub const DEFAULT_LINK: &str = "a[href]";

/// A form about to be sent.
#[derive(Clone, Debug)]
pub struct Submission {
    method: String,
    address: Address,
    fields: Vec<Field>,
}

/// What to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// In capitals, `GET` unless the form says otherwise.
    pub method: String,
    /// Where to, with the fields as its query if the method is `GET`.
    pub url: String,
    /// The fields, encoded as `application/x-www-form-urlencoded`, for all other methods.
    pub body: Option<String>,
}

impl Submission {
    /// Fills in the form that a selector finds in a page and presses the button that another finds in it.
    ///
    /// As in k6, the fields are those of all forms found, method and action those of the first; `enctype`
    /// and what the button says of action and method are not looked at.
    ///
    /// # Errors
    /// What is not a selector finds nothing, and nothing found is an error, as is an action that is no URL.
    pub fn of(page: &Selection, form: &str, submit: &str) -> Result<Self, Error> {
        let forms = found(page, form);
        let url = url_of(page);
        if forms.size() == 0 {
            return Err(Error::NoForm { selector: form.to_owned(), page: url });
        }
        let address = resolve(&url, forms.attr("action").unwrap_or_default())?;
        let method = forms.attr("method").unwrap_or("GET").to_ascii_uppercase();
        let mut submission = Self { method, address, fields: forms.serialize_object() };
        let button = found(&forms, submit);
        if let Some(name) = button.attr("name").filter(|name| !name.is_empty()) {
            let value = button.attr("value").unwrap_or_default().to_owned();
            submission.set(name, FieldValue::One(value));
        }
        Ok(submission)
    }

    /// Whether the fields go into the URL.
    pub fn is_get(&self) -> bool {
        self.method == "GET"
    }

    /// The fields, by name.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Sets a field, whether the form has it or not.
    pub fn set(&mut self, name: &str, value: FieldValue) {
        let value = Some(value);
        match self.fields.iter_mut().find(|field| field.name == name) {
            Some(field) => field.value = value,
            None => self.fields.push(Field { name: name.to_owned(), value }),
        }
    }

    /// The request. In a URL several values of one name are joined with commas, as k6 does.
    pub fn into_request(self) -> Request {
        let Self { method, mut address, fields } = self;
        if method == "GET" {
            let joined: Vec<(String, String)> = fields
                .into_iter()
                .map(|Field { name, value }| {
                    (
                        name,
                        value.map_or_else(
                            || "undefined".to_owned(),
                            |value| value.texts().join(","),
                        ),
                    )
                })
                .collect();
            let text = query(joined.iter().map(|(name, value)| (&**name, &**value)));
            address.query = (!text.is_empty()).then_some(text);
            return Request { method, url: address.to_string(), body: None };
        }
        let nothing = [String::new()];
        let body = query(fields.iter().flat_map(|Field { name, value }| {
            let texts = value.as_ref().map_or(&nothing[..], FieldValue::texts);
            texts.iter().map(move |text| (&**name, &**text))
        }));
        Request { method, url: address.to_string(), body: Some(body) }
    }
}

/// Where the link that a selector finds in a page leads.
///
/// # Errors
/// If there is none, or it leads nowhere.
pub fn link(page: &Selection, selector: &str) -> Result<String, Error> {
    let links = found(page, selector);
    let url = url_of(page);
    if links.size() == 0 {
        return Err(Error::NoElement { selector: selector.to_owned(), page: url });
    }
    let Some(href) = links.attr("href") else {
        return Err(Error::NoHref { selector: selector.to_owned(), page: url });
    };
    resolve(&url, href).map(|address| address.to_string())
}

fn found(page: &Selection, selector: &str) -> Selection {
    page.find(&Selector::parse(selector).unwrap_or_else(|_| Selector::nothing()))
}

fn url_of(page: &Selection) -> String {
    page.document().url().unwrap_or_default().to_owned()
}

fn resolve(page: &str, reference: &str) -> Result<Address, Error> {
    let wrong = |url: &str| Error::NoUrl { url: url.to_owned(), page: page.to_owned() };
    let base = Address::parse(page).ok_or_else(|| wrong(page))?;
    Ok(base.join(&Address::parse(reference).ok_or_else(|| wrong(reference))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::html::Document;

    fn page(body: &str) -> Selection {
        Selection::of(&Document::parse_from(body, "http://h.example/dir/page?old=1").unwrap())
    }

    fn submit(body: &str) -> Request {
        Submission::of(&page(body), DEFAULT_FORM, DEFAULT_SUBMIT).unwrap().into_request()
    }

    #[test]
    fn a_post_has_its_fields_and_its_button_in_the_body() {
        let request = submit(
            "<form method=post action='/act?x=1'><input name=b value='1 2'><input name=a>
             <select name=m multiple><option selected>p<option selected>q</select>
             <button type=submit name=go value=yes>G</button><input type=submit name=other></form>",
        );
        assert_eq!(request.method, "POST");
        assert_eq!(request.url, "http://h.example/act?x=1");
        assert_eq!(request.body.as_deref(), Some("a=&b=1+2&go=yes&m=p&m=q"));
    }

    #[test]
    fn a_get_has_its_fields_instead_of_the_query() {
        let request = submit(
            "<form action='go?x=1#part'><input name=a value=é>
             <select name=m multiple><option selected>p<option selected>q</select></form>",
        );
        assert_eq!(request.url, "http://h.example/dir/go?a=%C3%A9&m=p%2Cq#part");
        assert_eq!(request.body, None);
        assert_eq!(submit("<form></form>").url, "http://h.example/dir/page");
        assert_eq!(submit("<form method=post></form>").url, "http://h.example/dir/page?old=1");
    }

    #[test]
    fn fields_are_set_over_those_of_the_form() {
        let page = page("<form method=put><input name=a value=1></form>");
        let mut submission = Submission::of(&page, "form", "[").unwrap();
        submission.set("a", FieldValue::One("2".to_owned()));
        submission.set("z", FieldValue::Many(vec!["x".to_owned(), "y".to_owned()]));
        assert!(!submission.is_get());
        let request = submission.into_request();
        assert_eq!((&*request.method, request.body.as_deref()), ("PUT", Some("a=2&z=x&z=y")));
    }

    #[test]
    fn links_lead_where_a_browser_would_go() {
        let page = page("<a>no</a><a href='../up?q#f'>x</a><a id=w href='%zz'>w</a>");
        assert_eq!(link(&page, DEFAULT_LINK).unwrap(), "http://h.example/up?q#f");
        assert_eq!(link(&page, "a").unwrap_err().code(), "k6_html_no_href");
        assert_eq!(link(&page, "#w").unwrap_err().code(), "k6_html_no_url");
        assert_eq!(
            link(&page, "b").unwrap_err().to_string(),
            "no element found for selector 'b' in response 'http://h.example/dir/page?old=1'"
        );
        assert_eq!(Submission::of(&page, "form", "").unwrap_err().code(), "k6_html_no_form");
    }
}
