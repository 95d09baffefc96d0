// Reviewed frames: the filter works at once, commands are copied, and the memory button says how many are chosen.
document.querySelector("[data-wish]").addEventListener("change", (event) => event.currentTarget.requestSubmit());

document.addEventListener("change", (event) => {
  if (event.target.id === "format") document.querySelector("[data-format]").textContent = event.target.value;
  if (event.target.name === "frame") count();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const text = button.previousElementSibling.textContent.replace(/\s+/g, " ").trim();
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(button.previousElementSibling); // only pages by https may copy: it is marked to be
    button.textContent = "Marked";
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
});

function count() {
  const button = document.querySelector("[data-chosen]");
  if (!button) return;
  const chosen = document.querySelectorAll('input[name="frame"]:checked').length;
  button.disabled = !chosen;
  button.textContent = chosen ? `Add ${chosen} to memory` : "Add the chosen to memory";
}

count();
