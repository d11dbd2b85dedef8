"""Teaching: exercises that check themselves, and marking a folder of handed-in notebooks."""
