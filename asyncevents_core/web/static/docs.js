// Starts Swagger UI, and fills in a token that the pages have made.
"use strict";

(() => {
  // Swagger UI is dark where its root element has this class.
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const dress = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", dress);
  dress();

  const api = document.getElementById("api");
  const ui = SwaggerUIBundle({
    url: api.dataset.document,
    domNode: api,
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    deepLinking: true,
    validatorUrl: null, // no server is asked but ours
    tryItOutEnabled: true,
    displayRequestDuration: true,
    syntaxHighlight: { theme: "obsidian" }, // of those there are, one whose colours can be read
    defaultModelsExpandDepth: 0,
    persistAuthorization: false, // the token stays in this page
  });

  // The pages make the token: this page asks and answers their question as somebody would.
  const link = document.querySelector("[data-token]");
  const said = document.getElementById("said");

  const partOf = async (answer, wanted) => {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return answer.ok ? page.querySelector(wanted) : null;
  };

  const makeToken = async () => {
    const form = await partOf(await fetch(link.href), 'form[action$="/tokens/hour"]');
    if (!form) return null;
    const body = new URLSearchParams(new FormData(form));
    const made = await partOf(await fetch(link.href, { method: "POST", body }), "#token");
    return made && made.textContent;
  };

  link?.addEventListener("click", async (event) => {
    event.preventDefault();
    const token = await makeToken();
    if (token) {
      ui.preauthorizeApiKey("token", token);
      said.textContent = "A token that may do what you may is filled in. It is of use for an hour.";
    } else {
      // Nobody is signed in, or they may not: the pages say so themselves.
      location.assign(link.href);
    }
  });
})();
