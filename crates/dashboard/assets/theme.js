// The choice of a theme takes effect at once. The form would do it, too, with a new page.

export function setUpThemes() {
  const form = document.querySelector("form[data-themes]");
  form?.addEventListener("change", (event) => {
    const theme = event.target.value;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    fetch(form.action, { method: "POST", body: new URLSearchParams({ theme }), redirect: "manual" });
  });
}
