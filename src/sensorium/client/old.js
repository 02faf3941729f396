// For browsers that know no modules: they get this file and nothing else.
document.addEventListener("DOMContentLoaded", function () {
  var note = document.createElement("p");
  note.className = "notice problem";
  note.textContent = "This browser is too old for this page. Open it in a current Chrome, Edge, Firefox or Safari.";
  document.body.insertBefore(note, document.body.firstChild);
  document.getElementById("enter").disabled = true;
});
