// Before the first paint: the theme somebody chose, else what their system says.
try {
  const chosen = localStorage.getItem("andon-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // a browser that keeps nothing follows its system
}
