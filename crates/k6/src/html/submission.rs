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
    /// In capitals: `GET` unless the form says otherwise.
    pub method: String,
    /// Names and values, the pressed button's among them.
    pub fields: Vec<Field>,
    address: Address,
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
        let mut fields = forms.serialize_object();
        let button = found(&forms, submit);
        if let Some(name) = button.attr("name").filter(|name| !name.is_empty()) {
            let value = button.attr("value").unwrap_or_default().to_owned();
            fields.retain(|field| field.name != name);
            fields.push(Field { name: name.to_owned(), value: Some(FieldValue::One(value)) });
        }
        Ok(Self { method, fields, address })
    }

    /// Whether the fields go into the URL.
    pub fn is_get(&self) -> bool {
        self.method == "GET"
    }

    /// Where the form leads.
    pub fn url(&self) -> String {
        self.address.to_string()
    }

    /// Where the form leads with these fields in place of the query it has.
    pub fn url_with<'a>(&self, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
        let text = query(pairs);
        let mut address = self.address.clone();
        address.query = (!text.is_empty()).then_some(text);
        address.to_string()
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

    fn submission(body: &str) -> Submission {
        Submission::of(&page(body), DEFAULT_FORM, DEFAULT_SUBMIT).unwrap()
    }

    fn names(submission: &Submission) -> String {
        let names: Vec<&str> = submission.fields.iter().map(|field| &*field.name).collect();
        names.join(" ")
    }

    #[test]
    fn a_form_is_sent_with_the_button_that_was_pressed() {
        let made = submission(
            "<form method=post action='/act?x=1'><input name=b value='1 2'><input name=go>
             <button type=submit name=go value=yes>G</button><input type=submit name=other></form>",
        );
        assert_eq!((&*made.method, made.is_get()), ("POST", false));
        assert_eq!(made.url(), "http://h.example/act?x=1");
        assert_eq!(names(&made), "b go");
        assert_eq!(made.fields[1].value, Some(FieldValue::One("yes".to_owned())));
        let other =
            page("<form method=put><button id=b>x</button><button name=n id=c>y</button></form>");
        assert_eq!(names(&Submission::of(&other, "form", "#b").unwrap()), "");
        assert_eq!(names(&Submission::of(&other, "form", "#c").unwrap()), "n");
        assert_eq!(Submission::of(&other, "form", "[").unwrap().method, "PUT");
    }

    #[test]
    fn fields_take_the_place_of_the_query() {
        let made = submission("<form action='go?x=1#part'><input name=a value=é></form>");
        assert!(made.is_get());
        let pairs = [("m", "p,q"), ("a", "é")];
        assert_eq!(
            made.url_with(pairs.into_iter()),
            "http://h.example/dir/go?a=%C3%A9&m=p%2Cq#part"
        );
        let empty = submission("<form></form>");
        assert_eq!(empty.url_with(std::iter::empty()), "http://h.example/dir/page");
        assert_eq!(empty.url(), "http://h.example/dir/page?old=1");
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
