// By what the room is played: its name beside the room's, what it leaves on, and the choice of another.

import { byId, make, setText } from "./dom.js";
import { off, sentence } from "../words.js";

/** @param {ReturnType<typeof import("../room.js").nowhere>} room */
export function showRecipe(room) {
  const { recipe } = room;
  const shown = byId("recipe");
  setText(shown, [recipe.name, ...off(recipe)].join(" · "));
  if (shown.title !== recipe.about) shown.title = recipe.about;
  for (const id of ["camera", "screen"]) {
    const button = byId(id);
    button.disabled = !room.camera || !recipe.vision;
    button.title = room.camera && !recipe.vision ? `The recipe ${recipe.name} has seeing off` : "";
  }
}

/** The recipes to choose from, for the settings. @returns {Promise<HTMLElement>} */
export async function recipeField() {
  const told = make("small", { id: "recipe-about", role: "status" });
  const answer = await fetch("/api/recipes").catch(() => null);
  if (!answer?.ok) {
    told.textContent = "The recipes cannot be read just now.";
    return make("div", { class: "field" }, told);
  }
  const { current, recipes } = await answer.json();
  const about = (name) => recipes.find((recipe) => recipe.name === name)?.about || "As the room always was.";
  const options = recipes.map(({ name }) => make("option", { value: name, selected: name === current }, name));
  const select = make("select", { id: "recipe-choice", "aria-describedby": "recipe-about", change: choose }, ...options);
  told.textContent = about(current);
  let chosen = current;

  async function choose() {
    const { value } = select;
    const body = JSON.stringify({ name: value });
    const done = await fetch("/api/recipe", { method: "PUT", headers: { "Content-Type": "application/json" }, body }).catch(() => null);
    if (done?.ok) {
      chosen = value;
      told.textContent = about(value);
      return;
    }
    const error = (await done?.json().catch(() => null))?.error;
    select.value = chosen;
    told.textContent = sentence(error?.message ?? "The room did not answer; it is played as before");
  }

  return make("div", { class: "field" }, make("label", { for: "recipe-choice" }, "Recipe, for everybody here"), select, told);
}
