// Improves what works without it: copy buttons, the live preview of redirect URIs, a last question,
// a page that waits for something.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const target = document.getElementById(button.dataset.copy);
    const word = button.querySelector("[data-word]");
    try {
      await navigator.clipboard.writeText(target.textContent.trim());
      say(word, "Copied");
    } catch {
      // The browser keeps the clipboard to itself: select the text, so that it can be copied by hand.
      getSelection().selectAllChildren(target);
      say(word, "Selected");
    }
  });
}

function say(word, text) {
  word.setAttribute("aria-live", "polite");
  word.textContent = text;
  setTimeout(() => { word.textContent = "Copy"; }, 1500);
}

for (const input of document.querySelectorAll("[data-preview]")) {
  const preview = document.getElementById(input.dataset.preview);
  const show = () => {
    const typed = input.value.trim();
    preview.hidden = !typed.includes("://");
    for (const code of preview.querySelectorAll("[data-provider]")) {
      code.textContent = typed.replaceAll(":provider", code.dataset.provider);
    }
  };
  input.addEventListener("input", show);
}

// Something is under way: look again in a moment, and keep the place.
if (document.querySelector("[data-watch]")) {
  setTimeout(() => location.reload(), 1500);
}

for (const form of document.querySelectorAll("form[data-confirm]")) {
  form.addEventListener("submit", (event) => {
    if (!confirm(form.dataset.confirm)) {
      event.preventDefault();
    }
  });
}
